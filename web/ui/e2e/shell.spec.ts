// What holds on every page: it opens without an error, is accessible, and is served so that nothing foreign can run.
import { accessible, expect, recorded, settled, test } from './fixtures';

const pages = ['/', '/processes', '/network', '/status'];

for (const path of pages) {
  test(`${path} opens and is accessible, light and dark`, async ({ page, stored }) => {
    await page.goto(stored.at(path, recorded));
    await settled(page);
    await accessible(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    await accessible(page, 'color-contrast');
  });
}

test('the policy lets nothing foreign in', async ({ request, stored }) => {
  for (const path of pages) {
    const header = (await request.get(stored.at(path))).headers();
    const policy = header['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
    expect(header['x-content-type-options']).toBe('nosniff');
  }
});

test('the token leaves the address', async ({ page, stored }) => {
  await page.goto(stored.at('/', { q: 'protocols == dns' }));
  await expect(page).not.toHaveURL(/token/);
  await expect(page).toHaveURL(/q=protocols/);
});

test('a wrong token says what to do', async ({ page, stored, guard }) => {
  guard.allow(/status of 401/);
  await page.goto(new URL('/?token=wrong', stored.origin).href);
  await expect(page.getByText(/token/i).first()).toBeVisible();
});
