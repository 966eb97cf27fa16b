/** What the page shows, as one frozen value; whoever subscribes is told of each change. */
export function createStore(initial) {
  let state = Object.freeze({...initial});
  const listeners = [];
  return {
    get: () => state,
    set(change) {
      const before = state;
      if (Object.entries(change).every(([name, value]) => before[name] === value)) return;
      state = Object.freeze({...before, ...change});
      for (const listener of listeners) listener(state, before);
    },
    subscribe(listener) {
      listeners.push(listener);
    },
  };
}
