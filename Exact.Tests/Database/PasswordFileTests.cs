using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Exact.Tests.Database;

/// <summary>How the service opens its connections.</summary>
public sealed class PasswordFileTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_rotated_password_is_read_when_a_connection_is_opened()
    {
        await using var role = await TestRole.CreateAsync();
        var file = Path.GetTempFileName();
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(role.ConnectionString(database.Name)) { Password = null };
            await File.WriteAllTextAsync(file, "secret\n", CancellationToken);
            await using var services = ServicesOf(settings.ConnectionString, file);
            var pool = services.GetRequiredService<NpgsqlDataSource>();
            await using (await pool.OpenConnectionAsync(CancellationToken)) { }

            await database.ExecuteAsync($"ALTER ROLE {role.Name} PASSWORD 'rotated'");
            pool.Clear();
            var tries = 0;
            await using var opened = await pool.TryTwiceAsync(async () =>
            {
                if (tries++ > 0)
                {
                    await File.WriteAllTextAsync(file, "rotated\n", CancellationToken);
                }

                return await pool.OpenConnectionAsync(CancellationToken);
            });
            await using var migrator = await services
                .GetRequiredService<MigratorConnection>()
                .OpenAsync(CancellationToken);

            Assert.Equal(2, tries);
            Assert.DoesNotContain("secret", pool.ConnectionString, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_session_that_is_open_serves_requests_until_the_file_has_the_new_password()
    {
        await using var role = await TestRole.CreateAsync();
        var file = Path.GetTempFileName();
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(role.ConnectionString(database.Name)) { Password = null };
            await File.WriteAllTextAsync(file, "secret\n", CancellationToken);
            await using var services = ServicesOf(settings.ConnectionString, file);
            var pool = services.GetRequiredService<NpgsqlDataSource>();
            await using (await pool.OpenConnectionAsync(CancellationToken))
            {
                await database.ExecuteAsync($"ALTER ROLE {role.Name} PASSWORD 'rotated'");
                var rejected = await OpenTwiceAsync(pool);
                await File.WriteAllTextAsync(file, "", CancellationToken);
                var empty = await OpenTwiceAsync(pool);
                File.Delete(file);
                var missing = await OpenTwiceAsync(pool);

                Assert.All([rejected, empty, missing], failure => Assert.True(Sessions.MayBeRepeated(failure)));
                Assert.Contains("Database:PasswordFile names a file that is empty.", empty.Cause());
                Assert.Contains("Database:PasswordFile must be the path of a file.", missing.Cause());
            }

            await using var again = await pool.OpenConnectionAsync(CancellationToken);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Connections_use_no_GSS_unless_asked_and_notice_a_lost_network()
    {
        Assert.Equal(GssEncryptionMode.Disable, SettingsOf("Host=db").GssEncryptionMode);
        Assert.Equal(GssEncryptionMode.Prefer, SettingsOf("Host=db;GSS Encryption Mode=Prefer").GssEncryptionMode);
        Assert.Equal(GssEncryptionMode.Prefer, SettingsOf("postgres://db/x?gssencmode=prefer").GssEncryptionMode);
        Assert.Equal((true, 30), (SettingsOf("Host=db").TcpKeepAlive, SettingsOf("Host=db").TcpKeepAliveTime));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_pool_that_one_export_would_use_up_is_refused(int size)
    {
        var refusal = Assert.Throws<SettingException>(() => SettingsOf($"Host=db;Maximum Pool Size={size}"));

        Assert.Contains($"has a \"Maximum Pool Size\" of {size}. Write 3 or more", refusal.Message);
        Assert.Equal(3, SettingsOf("Host=db;Maximum Pool Size=3").MaxPoolSize);
    }

    private static async Task<Exception> OpenTwiceAsync(NpgsqlDataSource pool) =>
        await Assert.ThrowsAnyAsync<NpgsqlException>(() =>
            pool.TryTwiceAsync(() => pool.OpenConnectionAsync(CancellationToken).AsTask())
        );

    [Theory]
    [InlineData("Host=a,b", "primary", 60, 2, 10)]
    [InlineData("Host=a,b;Host Recheck Seconds=5;Timeout=3;Command Timeout=40", "primary", 5, 3, 40)]
    [InlineData("Host=a", null, 10, 15, 30)]
    public void Several_hosts_have_defaults_that_make_an_outage_as_short_as_the_failover(
        string connectionString,
        string? target,
        int recheck,
        int timeout,
        int command
    )
    {
        var settings = SettingsOf(connectionString);

        Assert.Equal(
            (target, recheck, timeout, command),
            (settings.TargetSessionAttributes, settings.HostRecheckSeconds, settings.Timeout, settings.CommandTimeout)
        );
    }

    private static NpgsqlConnectionStringBuilder SettingsOf(string connectionString) =>
        new(new DatabaseSettings(Configuration(connectionString)).ConnectionString);

    private static ServiceProvider ServicesOf(string connectionString, string passwordFile) =>
        new ServiceCollection()
            .AddLogging()
            .AddSingleton<IConfiguration>(Configuration(connectionString, passwordFile))
            .AddExactInfrastructure()
            .BuildServiceProvider();

    private static IConfigurationRoot Configuration(string connectionString, string? passwordFile = null) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(
                new Dictionary<string, string?>
                {
                    ["ConnectionStrings:Exact"] = connectionString,
                    ["Database:PasswordFile"] = passwordFile,
                }
            )
            .Build();
}
