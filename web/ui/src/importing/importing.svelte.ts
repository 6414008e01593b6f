// How other parts open the import, for instance an empty page.

class Importing {
  /** Opens the file dialog; absent while the drop zone is not there. */
  choose = $state.raw<(() => void) | undefined>();
}

export const importing = new Importing();
