using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Startup;

/// <summary>What is secret in the settings shows nowhere, whatever is wrong with them.</summary>
public sealed class SecretTests
{
    private const string Secret = "5ecr3t";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string> BadSettings =>
        new()
        {
            { "ConnectionStrings__Exact", $"host=db user=exact password={Secret}", "ConnectionStrings:Exact is no" },
            {
                "ConnectionStrings__Exact",
                $"postgresql://exact:{Secret}@db/exact?x=y",
                "ConnectionStrings:Exact is no"
            },
            { "ConnectionStrings__ExactMigrator", $"Host=db;{Secret}", "ConnectionStrings:ExactMigrator is no" },
            { "Database__PasswordFile", $"/nowhere/{Secret}", "Database:PasswordFile must be the path of a file" },
            { "Admin__KeyFile", Secret, "Admin:KeyFile must be the path of a file" },
        };

    [Theory]
    [MemberData(nameof(BadSettings))]
    public async Task A_bad_setting_ends_the_process_with_one_line_that_names_it_without_its_value(
        string setting,
        string value,
        string line
    )
    {
        await using var replica = ExactProcess.Serve(
            "Host=127.0.0.1;Port=1",
            new Dictionary<string, string> { [setting] = value }
        );

        Assert.Equal(1, await replica.WaitForExitAsync());

        Assert.Contains(line, Assert.Single(replica.Log.Split('\n')));
        Assert.DoesNotContain(Secret, replica.Log);
        Assert.DoesNotContain(Secret, replica.Output);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("migrate")]
    [InlineData("export")]
    [InlineData("script")]
    public async Task A_command_does_not_repeat_a_bad_connection_string_either(string command)
    {
        await using var ended = await ExactProcess.RunAsync($"host=db user=exact password={Secret}", command);

        Assert.Equal(1, await ended.WaitForExitAsync());
        Assert.Contains(
            "ConnectionStrings:Exact is not a valid connection string",
            Assert.Single(ended.Log.Split('\n'))
        );
        Assert.DoesNotContain(Secret, ended.Log + ended.Output);
    }

    [Fact]
    public async Task A_connection_string_may_be_a_URI()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        var server = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var uri =
            $"postgresql://{server.Username}:{Uri.EscapeDataString(server.Password!)}"
            + $"@{server.Host}:{server.Port}/{database.Name}";

        await using var migrate = await ExactProcess.RunAsync(uri, "migrate");

        Assert.Equal(0, await migrate.WaitForExitAsync());
        Assert.DoesNotContain(server.Password!, migrate.Log);
    }

    [Fact]
    public async Task Telemetry_does_not_carry_the_password_even_if_Npgsql_is_told_to_keep_it()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        var password = new NpgsqlConnectionStringBuilder(database.ConnectionString).Password!;
        var tags = new ConcurrentQueue<string>();
        using var activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => Keep(activity.TagObjects),
        };
        ActivitySource.AddActivityListener(activities);
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Npgsql")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        meters.SetMeasurementEventCallback<double>((_, _, each, _) => Keep(each.ToArray()));
        meters.SetMeasurementEventCallback<int>((_, _, each, _) => Keep(each.ToArray()));
        meters.SetMeasurementEventCallback<long>((_, _, each, _) => Keep(each.ToArray()));
        meters.Start();

        await using (var services = ServicesOf($"{database.ConnectionString};Persist Security Info=true"))
        {
            await services.GetRequiredService<DatabaseMigrator>().MigrateAsync("test", Cancellation);
            await services
                .GetRequiredService<MigrationStatusReader>()
                .ReadAsync(TimeSpan.FromSeconds(10), Cancellation);
            meters.RecordObservableInstruments();
        }

        Assert.Contains(tags, tag => tag.Contains(database.Name, StringComparison.Ordinal));
        Assert.DoesNotContain(
            tags,
            tag =>
                tag.Contains(database.Name, StringComparison.Ordinal)
                && tag.Contains(password, StringComparison.Ordinal)
        );

        void Keep(IEnumerable<KeyValuePair<string, object?>> each)
        {
            foreach (var (name, value) in each)
            {
                tags.Enqueue($"{name}={value}");
            }
        }
    }

    /// <summary>What every test of a service looks for in its log.</summary>
    [Theory]
    [InlineData("the admin key is " + ExactApp.AdminKey)]
    [InlineData("Host=db;Password=a")]
    [InlineData("hash pbkdf2_sha256$600000$salt$aGFzaA==")]
    [InlineData("hash AQAAAAIAAYagAAAAEA")]
    [InlineData("token exact_pat_0123456789ABCDEFGHIJKLMNOPQRST4PMbyp")]
    [InlineData("cookie CfDJ8AAAAAAAAAAA")]
    [InlineData("-----BEGIN PRIVATE KEY-----")]
    public void A_secret_in_a_line_is_found(string line) => Assert.NotNull(LoggedSecrets.Find(line));

    [Theory]
    [InlineData("Write Host=db;Password=...;Database=exact")]
    [InlineData("Host=db;Password=***")]
    [InlineData("the password is wrong")]
    public void A_line_that_only_speaks_of_secrets_is_well(string line) => Assert.Null(LoggedSecrets.Find(line));
}
