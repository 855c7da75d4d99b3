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
    public void Connections_use_no_GSS_unless_asked_and_notice_a_lost_network()
    {
        Assert.Equal(GssEncryptionMode.Disable, SettingsOf("Host=db").GssEncryptionMode);
        Assert.Equal(GssEncryptionMode.Prefer, SettingsOf("Host=db;GSS Encryption Mode=Prefer").GssEncryptionMode);
        Assert.Equal(GssEncryptionMode.Prefer, SettingsOf("postgres://db/x?gssencmode=prefer").GssEncryptionMode);
        Assert.Equal((true, 30), (SettingsOf("Host=db").TcpKeepAlive, SettingsOf("Host=db").TcpKeepAliveTime));
    }

    [Fact]
    public void A_pool_of_one_connection_is_refused()
    {
        var refusal = Assert.Throws<SettingException>(() => SettingsOf("Host=db;Maximum Pool Size=1"));

        Assert.Contains("Maximum Pool Size", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(2, SettingsOf("Host=db;Maximum Pool Size=2").MaxPoolSize);
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
