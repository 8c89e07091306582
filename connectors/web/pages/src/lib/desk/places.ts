// Addresses of pages, with names of people and queues in them.

/** A name as one word of a path: the daemon takes what has a point for a file. */
function word(name: string): string {
  return encodeURIComponent(name).replace(/[.!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase()).replaceAll('%40', '@');
}

type Query = Record<string, string | number | null | undefined>;

function query(of: Query): string {
  const q = new URLSearchParams();
  for (const [key, v] of Object.entries(of)) if (v != null && v !== '') q.append(key, String(v));
  const text = q.toString().replaceAll('%40', '@').replaceAll('%3A', ':').replaceAll('%2C', ',');
  return text ? '?' + text : '';
}

export function cardAt(agent: string, of: Query = {}): string {
  return `/cards/${word(agent)}${query(of)}`;
}
export function agentDayAt(agent: string, of: Query = {}): string {
  return `/agents/${word(agent)}/day${query(of)}`;
}
export function callsAt(of: Query): string {
  return '/calls' + query(of);
}
export function dayAt(of: Query): string {
  return '/day' + query(of);
}

/** The page of calls that shows what an address of the daemon's contacts answers. */
export function callsOf(contacts: string): string {
  const q = new URL(contacts, location.origin).searchParams;
  return callsAt(Object.fromEntries(q));
}
