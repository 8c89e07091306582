// Where the page is: the address's path and query. Pages have addresses that the
// daemon answers with the one document there is.

class Router {
  #at = $state.raw(here());

  get path(): string {
    return this.#at.path;
  }
  get query(): URLSearchParams {
    return this.#at.query;
  }

  /** Goes to an address of this site. */
  go(to: string, replace = false): void {
    if (replace) history.replaceState(null, '', to);
    else history.pushState(null, '', to);
    this.#at = here();
  }

  /** Changes the query of the page that is shown, without a step back. */
  ask(query: URLSearchParams): void {
    const text = query.toString().replaceAll('%2C', ',').replaceAll('%40', '@');
    this.go(this.path + (text ? '?' + text : ''), true);
  }

  without(key: string): void {
    if (!this.query.has(key)) return;
    const query = new URLSearchParams(this.query);
    query.delete(key);
    this.ask(query);
  }

  moved = (): void => {
    this.#at = here();
  };
}

function here(): { path: string; query: URLSearchParams } {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

export const router = new Router();

/** Links within the site change the page without loading it anew. */
export function followLinks(): () => void {
  const click = (e: MouseEvent): void => {
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    const a = e.target instanceof Element ? e.target.closest('a') : null;
    if (!a || a.target || a.hasAttribute('download') || a.origin !== location.origin) return;
    if (a.pathname === location.pathname && a.hash) return; // a place on the same page
    if (a.dataset['outside'] !== undefined) return; // not one of the pages
    e.preventDefault();
    router.go(a.pathname + a.search);
    window.scrollTo(0, 0);
  };
  document.addEventListener('click', click);
  window.addEventListener('popstate', router.moved);
  return () => {
    document.removeEventListener('click', click);
    window.removeEventListener('popstate', router.moved);
  };
}
