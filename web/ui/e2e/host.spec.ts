// The drawer of a host, over any page.
import { accessible, expect, recorded, settled, test } from './fixtures';

test('it tells what the API knows, over Explore and over Status', async ({ page, stored }) => {
  const host = await (await stored.api('/api/hosts/10.77.0.1', recorded)).json();
  for (const path of ['/', '/status']) {
    await page.goto(stored.at(path, { ...recorded, host: '10.77.0.1' }));
    const drawer = page.getByRole('dialog', { name: '10.77.0.1' });
    await expect(drawer.getByText('Sessions as server').locator('..')).toContainText(String(host.sessions.server));
    for (const list of [host.ports_served, host.protocols, host.names]) {
      await expect(drawer.getByText(list[0].value, { exact: true }).first()).toBeVisible();
    }
    await settled(page);
    await accessible(page);
  }
});

test('its values filter, and lead to the next host; Escape closes', async ({ page, stored }) => {
  await page.goto(stored.at('/', { ...recorded, host: '10.77.0.1' }));
  const drawer = page.getByRole('dialog', { name: '10.77.0.1' });
  await drawer.getByRole('button', { name: 'Only Ports it serves: 8080' }).click();
  await expect(page).toHaveURL(/q=ip\+%3D%3D\+10\.77\.0\.1\+%26%26\+destination\.port\+%3D%3D\+8080/);
  await page.getByRole('link', { name: '10.77.0.2', exact: true }).click();
  await expect(page).toHaveURL(/host=10\.77\.0\.2/);
  await expect(page.getByRole('dialog', { name: '10.77.0.2' }).getByText('First seen')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(page).not.toHaveURL(/host=/);
  await page.goBack();
  await expect(page.getByRole('dialog', { name: '10.77.0.2' })).toBeVisible();
});

test('a host that was not seen says so', async ({ page, stored }) => {
  await page.goto(stored.at('/', { ...recorded, host: '192.0.2.1' }));
  await expect(page.getByRole('dialog', { name: '192.0.2.1' })).toContainText('was not seen in this time range');
});
