/** Calls f once nothing was asked for a while: a slider is moved in many steps. */
export function settled<A extends unknown[]>(f: (...a: A) => void, ms = 150): (...a: A) => void {
  let timer = 0;
  return (...a) => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => f(...a), ms);
  };
}
