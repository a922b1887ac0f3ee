//! Puts credentials where tools read them. Renders and writes what it is given: it knows neither
//! the vault nor a platform nor the engine.

pub mod env;
pub mod qgis;
mod qgis_search;
pub mod template;
