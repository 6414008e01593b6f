// What belongs to no page: help, and what the shell does for all.

import { nav } from './state.svelte';
import { prefs } from './prefs.svelte';
import { toasts } from '../design/toasts.svelte';

class Shell {
  /** The list of keys is open. */
  help = $state(false);

  toggleZone() {
    const zone = nav.tz === 'utc' ? 'local' : 'utc';
    prefs.zone = zone;
    nav.set({ tz: zone === 'utc' ? '' : zone }, { replace: true });
    toasts.show(zone === 'utc' ? 'Times are in UTC' : `Times are local (${Intl.DateTimeFormat().resolvedOptions().timeZone})`);
  }
}

export const shell = new Shell();
