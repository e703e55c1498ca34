// What follows `#` in the address is not told to the server: it goes along with what the form sends.
const next = document.querySelector("input[name=next]");
if (next && location.hash && !next.value.includes("#")) next.value = `${next.value || "/"}${location.hash}`;
