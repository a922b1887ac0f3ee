import "@testing-library/jest-dom/vitest";
// happy-dom has no layout: what needs one does nothing.
if (!("scrollIntoView" in Element.prototype)) Object.assign(Element.prototype, { scrollIntoView: () => undefined });
