// What a user keeps is there in another browser.
import { expect, recorded, test } from './fixtures';

test('a view that is kept is found by another browser, and by expressions', async ({ page, browser, stored }) => {
  const q = 'protocols == dns';
  await page.goto(stored.at('/', { ...recorded, q }));
  await page.getByRole('button', { name: 'Views and recent expressions' }).click();
  await page.getByRole('menuitem', { name: /Keep this expression/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Keep as a view' });
  await dialog.getByLabel('Name').fill('names');
  await dialog.getByRole('button', { name: 'Keep', exact: true }).click();
  await expect(dialog).toBeHidden();

  const other = await browser.newContext();
  const there = await other.newPage();
  await there.goto(stored.at('/', recorded));
  await there.getByRole('button', { name: 'Views and recent expressions' }).click();
  await there.getByRole('menuitem', { name: /^names/ }).click();
  await expect(there).toHaveURL(/q=protocols\+%3D%3D\+dns/);
  await other.close();
  expect((await stored.search('view == names')).length).toBe((await stored.search(q)).length);

  await page.getByRole('button', { name: 'Views and recent expressions' }).click();
  await page.getByRole('menuitem', { name: 'Forget names' }).click();
  await expect.poll(async () => (await (await stored.api('/api/saved/views')).json()).items.length).toBe(0);
});
