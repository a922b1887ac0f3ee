//! A second reader of the format, written from docs/VAULT.md alone: it shares no code with the
//! product. It can leave out the integrity value, which is the known-bad variant of the suite.

use std::path::Path;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, aead};
use argon2::{Algorithm, Argon2, Params, Version};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

/// A record as the second reader sees it: kind, version, end (minutes), label, body.
pub type Plain = (i64, i64, Option<i64>, Vec<u8>, Vec<u8>);

/// What a vault holds, or the first thing that does not fit.
pub fn read(path: &Path, passphrase: &str, with_mac: bool) -> Result<Vec<Plain>, &'static str> {
    let file = Reader::open(path, passphrase)?;
    if with_mac && file.root()? != file.header.2 {
        return Err("root");
    }
    file.records()
}

/// The first eight bytes of SHA-256 over slot `slot`, as an attacker would renew them.
pub fn check8(path: &Path, slot: &[u8]) -> Vec<u8> {
    let conn = Connection::open(path).expect("opens");
    let vault_id: Vec<u8> = one(&conn, "SELECT vault_id FROM header");
    let row = slots(&conn).into_iter().find(|row| row.id == slot).expect("the slot");
    Sha256::digest(row.fields(&vault_id))[..8].to_vec()
}

struct Slot {
    id: Vec<u8>,
    numbers: [i64; 5],
    salt: Vec<u8>,
    kcommit: Vec<u8>,
    nonce: Vec<u8>,
    wrapped: Vec<u8>,
    check8: Vec<u8>,
}

impl Slot {
    fn fields(&self, vault_id: &[u8]) -> Vec<u8> {
        let mut all = lp(&[b"wl/v1/keyslot", vault_id, &self.id]);
        for number in self.numbers {
            all.extend(int(number));
        }
        all.extend(lp(&[&self.salt, &self.kcommit, &self.nonce, &self.wrapped]));
        all
    }
}

struct Reader {
    conn: Connection,
    vault_id: Vec<u8>,
    /// format, epoch, root, watch root, least reader, day of making
    header: (i64, i64, Vec<u8>, Vec<u8>, i64, i64),
    vk: Vec<u8>,
    watch: Vec<u8>,
}

impl Reader {
    fn open(path: &Path, passphrase: &str) -> Result<Self, &'static str> {
        let conn = Connection::open(path).map_err(|_| "open")?;
        let vault_id: Vec<u8> = one(&conn, "SELECT vault_id FROM header");
        let sql = "SELECT format, epoch, root, watch_root, min_reader, created_day FROM header";
        let header = conn
            .query_row(sql, [], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
            })
            .map_err(|_| "header")?;
        let slot = slots(&conn).into_iter().find(|slot| slot.numbers[0] == 2).ok_or("slot")?;
        let kek = argon2id(passphrase, &slot);
        if hkdf(&kek, &vault_id, b"wl/v1/commit") != slot.kcommit {
            return Err("passphrase");
        }
        let mut aad = aad(&vault_id, "keyslot", &slot.id, "wrapped");
        slot.numbers.iter().for_each(|number| aad.extend(int(*number)));
        aad.extend(lp(&[&slot.salt, &slot.kcommit]));
        let key = hkdf(&kek, &vault_id, b"wl/v1/wrap");
        let vk = gcm(&key, &slot.nonce, &slot.wrapped, &aad).ok_or("wrapped key")?;
        let watch = hkdf(&vk, &vault_id, b"wl/v1/watch");
        Ok(Self { conn, vault_id, header, vk, watch })
    }

    fn root(&self) -> Result<Vec<u8>, &'static str> {
        let (format, epoch, _, watch_root, min_reader, day) = &self.header;
        let mut message = lp(&[b"wl/v1/root", &self.vault_id]);
        for number in [format, min_reader, day, epoch] {
            message.extend(int(*number));
        }
        message.extend(lp(&[watch_root]));
        let slots = slots(&self.conn);
        message.extend(int(i64::try_from(slots.len()).expect("few")));
        for slot in slots {
            let row = [slot.fields(&self.vault_id), lp(&[&slot.check8])].concat();
            message.extend(lp(&[&Sha256::digest(row)]));
        }
        for table in ["record", "label", "outbox"] {
            let rows = self.rows(table);
            message.extend(int(i64::try_from(rows.len()).expect("few")));
            for row in rows {
                let name = format!("wl/v1/{table}");
                let mut all = lp(&[name.as_bytes(), &row.id, &row.salt, &row.nonce, &row.ct]);
                if table == "record" {
                    all.extend(int(row.kind));
                    all.extend(int(row.version));
                    all.extend(row.expires.map_or(lp(&[b""]), int));
                }
                message.extend(lp(&[&Sha256::digest(all)]));
            }
        }
        let key = hkdf(&self.vk, &self.vault_id, b"wl/v1/root");
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).map_err(|_| "key")?;
        mac.update(&message);
        Ok(mac.finalize().into_bytes().to_vec())
    }

    fn records(&self) -> Result<Vec<Plain>, &'static str> {
        let labels = self.rows("label");
        self.rows("record")
            .iter()
            .map(|row| {
                let mut bound = aad(&self.vault_id, "record", &row.id, "ct");
                bound.extend(int(row.version));
                bound.extend(int(row.kind));
                bound.extend(row.expires.map_or(lp(&[b""]), int));
                let body = open(&self.vk, b"wl/v1/record.body", row, &bound).ok_or("body")?;
                let label = labels.iter().find(|label| label.id == row.id).ok_or("no label")?;
                let bound = aad(&self.vault_id, "label", &row.id, "ct");
                let label = open(&self.watch, b"wl/v1/label", label, &bound).ok_or("label")?;
                Ok((row.kind, row.version, row.expires, label[25..].to_vec(), body))
            })
            .collect()
    }

    fn rows(&self, table: &str) -> Vec<SealedRow> {
        let clear = if table == "record" { "kind, version, expires" } else { "0, 0, NULL" };
        let sql = format!("SELECT id, salt, nonce, ct, {clear} FROM {table} ORDER BY id");
        let mut query = self.conn.prepare(&sql).expect("prepares");
        let rows = query.query_map([], |r| {
            Ok(SealedRow {
                id: r.get(0)?,
                salt: r.get(1)?,
                nonce: r.get(2)?,
                ct: r.get(3)?,
                kind: r.get(4)?,
                version: r.get(5)?,
                expires: r.get(6)?,
            })
        });
        rows.expect("reads").map(|row| row.expect("a row")).collect()
    }
}

struct SealedRow {
    id: Vec<u8>,
    salt: Vec<u8>,
    nonce: Vec<u8>,
    ct: Vec<u8>,
    kind: i64,
    version: i64,
    expires: Option<i64>,
}

fn slots(conn: &Connection) -> Vec<Slot> {
    let sql = "SELECT slot, kind, kdf_id, m, t, p, salt, kcommit, nonce, wrapped, check8 \
               FROM keyslot ORDER BY slot";
    let mut query = conn.prepare(sql).expect("prepares");
    let rows = query.query_map([], |r| {
        Ok(Slot {
            id: r.get(0)?,
            numbers: [r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?],
            salt: r.get(6)?,
            kcommit: r.get(7)?,
            nonce: r.get(8)?,
            wrapped: r.get(9)?,
            check8: r.get(10)?,
        })
    });
    rows.expect("reads").map(|row| row.expect("a row")).collect()
}

fn one(conn: &Connection, sql: &str) -> Vec<u8> {
    conn.query_row(sql, [], |row| row.get(0)).expect("one value")
}

fn lp(parts: &[&[u8]]) -> Vec<u8> {
    let prefixed = |part: &&[u8]| {
        [&u32::try_from(part.len()).expect("short").to_be_bytes()[..], part].concat()
    };
    parts.iter().flat_map(prefixed).collect()
}

fn int(number: i64) -> Vec<u8> {
    lp(&[&number.to_be_bytes()])
}

fn aad(vault_id: &[u8], table: &str, id: &[u8], column: &str) -> Vec<u8> {
    let format = 1_i64.to_be_bytes();
    lp(&[b"wayleave-vault", &format, vault_id, table.as_bytes(), id, column.as_bytes()])
}

fn argon2id(passphrase: &str, slot: &Slot) -> Vec<u8> {
    let number = |n: usize| u32::try_from(slot.numbers[n]).expect("in range");
    let params = Params::new(number(2), number(3), number(4), Some(32)).expect("in range");
    let mut key = vec![0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), &slot.salt, &mut key)
        .expect("derives");
    key
}

fn hkdf(key: &[u8], salt: &[u8], info: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 32];
    Hkdf::<Sha256>::new(Some(salt), key).expand(info, &mut out).expect("32 bytes");
    out
}

fn gcm(key: &[u8], nonce: &[u8], ct: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let cipher = Aes256Gcm::new_from_slice(key).ok()?;
    let nonce = aead::Nonce::<Aes256Gcm>::try_from(nonce).ok()?;
    cipher.decrypt(&nonce, Payload { msg: ct, aad }).ok()
}

fn open(base: &[u8], info: &[u8], row: &SealedRow, aad: &[u8]) -> Option<Vec<u8>> {
    let plain = gcm(&hkdf(base, &row.salt, info), &row.nonce, &row.ct, aad)?;
    let length = u32::from_be_bytes(plain.get(1..5)?.try_into().ok()?) as usize;
    plain.get(5..5 + length).map(<[u8]>::to_vec)
}
