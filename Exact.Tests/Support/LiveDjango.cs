using Exact.Infrastructure.Transfer.Django;
using Exact.Tests.Transfer;
using Npgsql;

namespace Exact.Tests.Support;

/// <summary>The database of a real Django that holds what the true dump holds; each test takes a copy.</summary>
public sealed class LiveDjango : TestDatabase
{
    private bool isLoaded;

    /// <summary>A copy that a test has for itself.</summary>
    internal async Task<Copy> CopyAsync()
    {
        Assert.SkipUnless(
            await Django.IsInstalledAsync(),
            "Django is missing: apt-get install python3-django python3-psycopg2"
        );
        if (!isLoaded)
        {
            var django = new Django(ConnectionString);
            await django.MigrateAsync();
            await django.LoadAsync(await FixtureDatabase.DumpAsync());
            isLoaded = true;
        }

        var copy = new Copy(Name);
        await copy.InitializeAsync();
        return copy;
    }

    /// <summary>A Django database to change at will.</summary>
    internal sealed class Copy(string template, string options = "") : TestDatabase
    {
        public Django Django => new(ConnectionString);

        public DjangoAddress Address => AddressOf(ConnectionString);

        public static DjangoAddress AddressOf(string connectionString)
        {
            Assert.True(DjangoAddress.TryParse(connectionString, out var address));
            return address;
        }

        public override async ValueTask InitializeAsync()
        {
            await NameAsync();
            await ExecuteOnServerAsync($"CREATE DATABASE {Name} TEMPLATE {template} {options}");
        }

        /// <summary>Users whose records are more than fits between a reader that waits and the server.</summary>
        public Task AddUsersAsync(int count) =>
            ExecuteAsync(
                $"""
                INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
                SELECT 100000 + n, 'pbkdf2_sha256$260000$a$b', false, 'user ' || n, repeat('n', 150), repeat('n', 150), repeat('e', 200),
                    false, true, now()
                FROM generate_series(1, {count}) n
                """
            );

        /// <summary>The sessions of others on this database.</summary>
        public Task<long> SessionsAsync() =>
            ScalarAsync<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'exact %'"
            );

        /// <summary>Ends these sessions, and waits for their end.</summary>
        public async Task KillSessionsAsync()
        {
            await ExecuteAsync(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name LIKE 'exact %'
                """
            );
            await WhenNoSessionAsync();
        }

        public async Task WhenNoSessionAsync()
        {
            while (await SessionsAsync() > 0)
            {
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
        }

        /// <summary>Every row of Django's tables with its last writer.</summary>
        public Task<string?> StateAsync() =>
            ScalarAsync<string>(
                """
                SELECT string_agg(line, E'\n' ORDER BY line) FROM (
                    SELECT 'user ' || xmin || ctid || to_jsonb(t) AS line FROM auth_user t
                    UNION ALL SELECT 'challenge ' || xmin || ctid || to_jsonb(t) FROM api_challenge t
                    UNION ALL SELECT 'score ' || xmin || ctid || to_jsonb(t) FROM api_score t
                ) lines
                """
            );
    }

    /// <summary>A role's way to a database.</summary>
    internal static string As(string connectionString, Action<NpgsqlConnectionStringBuilder> change)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        change(settings);
        return settings.ConnectionString;
    }
}
