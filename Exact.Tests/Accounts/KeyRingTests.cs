using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Accounts;

/// <summary>The keys for cookies. Each attempt has a session of its own, as each replica has.</summary>
public sealed class KeyRingTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_next_key_is_made_once_and_under_the_migration_lock()
    {
        var ring = app.Services.GetRequiredService<KeyRing>();
        await using (var migrating = await app.Database.DataSource.OpenConnectionAsync(Cancellation))
        await using (
            await MigrationLock.AcquireAsync(
                migrating,
                patience: TimeSpan.FromMinutes(1),
                app.Time,
                cancellationToken: Cancellation
            )
        )
        {
            // A key lasts 90 days, and the next one is made 7 days before its end. The service looks too, at its start.
            app.Time.Advance(TimeSpan.FromDays(85));

            Assert.True(await ring.TryEnsureAsync(Cancellation)); // the last key still serves
            Assert.Equal(1, await CountAsync());
        }

        var attempts = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => ring.TryEnsureAsync(Cancellation)));

        Assert.All(attempts, Assert.True);
        Assert.Equal(2, await CountAsync());
    }

    [Fact]
    public async Task No_export_contains_a_key_or_a_token()
    {
        using var browser = await app.SignInAsync(await app.RegisterAsync());
        var (_, secret) = await AccountsApp.CreateTokenAsync(browser, ["read"]);
        using var admin = app.CreateAdmin();

        var export = await admin.GetStringAsync("/api/admin/export", Cancellation);

        Assert.Contains("auth.user", export);
        foreach (
            var hidden in new[] { secret, Convert.ToBase64String(TokenSecret.HashOf(secret)), "token", "masterKey" }
        )
        {
            Assert.DoesNotContain(hidden, export);
        }
    }

    private Task<long> CountAsync() => app.Database.ScalarAsync<long>("SELECT count(*) FROM data_protection_keys");
}
