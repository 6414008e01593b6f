// What one browser prefers. The URL says what is shown; this says how, where the URL is silent.

type Theme = 'system' | 'light' | 'dark';

function read(name: string): string {
  try {
    return localStorage.getItem('tapir.' + name) ?? '';
  } catch {
    return ''; // storage is forbidden: preferences last as long as the page
  }
}

function write(name: string, value: string) {
  try {
    localStorage.setItem('tapir.' + name, value);
  } catch {
    // as above
  }
}

class Prefs {
  #theme = $state<Theme>((read('theme') || 'system') as Theme);
  #zone = $state(read('zone') || 'utc');

  get theme() {
    return this.#theme;
  }
  set theme(t: Theme) {
    this.#theme = t;
    write('theme', t);
    this.paint();
  }

  /** utc or local */
  get zone() {
    return this.#zone;
  }
  set zone(z: string) {
    this.#zone = z;
    write('zone', z);
  }

  /** Whether the page is dark now. */
  get dark(): boolean {
    return this.#theme === 'dark' || (this.#theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  }

  /** Turns dark into light and back; what the system would choose anyhow is not kept. */
  toggle() {
    const want = this.dark ? 'light' : 'dark';
    const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
    this.theme = want === system ? 'system' : want;
  }

  /** Gives the document its theme. */
  paint() {
    if (this.#theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.#theme;
  }

  /** Small values of other parts: widths of columns, what is folded. */
  get(name: string): string {
    return read(name);
  }
  put(name: string, value: string) {
    write(name, value);
  }
}

export const prefs = new Prefs();
