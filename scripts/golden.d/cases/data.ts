// Data that the cases of the language share.

export const data = {
  name: "api",
  n: 3,
  f: 2.5,
  yes: true,
  no: false,
  nil: null,
  empty: "",
  zero: 0,
  list: ["a", "b", "c"],
  mixed: [1, "two", null, 4.5, true, [5, 6], { k: "v" }],
  none: [],
  map: { b: 2, a: 1, c: 3 },
  nothing: {},
  deep: { er: { est: "bottom", list: [{ id: 1 }, { id: 2 }] } },
  keys: { é: 1, z: 2, Z: 3, "10": 4, "9": 5, "": 6 },
  text: "héllo wörld",
};
