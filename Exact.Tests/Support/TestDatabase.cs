using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;

[assembly: AssemblyFixture(typeof(MigratedTemplate))]

namespace Exact.Tests.Support;

/// <summary>A database that one test class has for itself; dropped afterwards.</summary>
public class TestDatabase : IAsyncLifetime
{
    public string Name { get; } = $"test_{Guid.NewGuid():N}";

    /// <summary>A superuser's connection to this database.</summary>
    public string ConnectionString { get; private set; } = "";

    public NpgsqlDataSource DataSource { get; private set; } = null!;

    public virtual async ValueTask InitializeAsync()
    {
        await NameAsync();
        await ExecuteOnServerAsync($"CREATE DATABASE {Name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"); // as the service does
    }

    public async ValueTask DisposeAsync()
    {
        if (DataSource is null)
        {
            return; // no server was found
        }

        await DataSource.DisposeAsync();
        await ExecuteOnServerAsync($"DROP DATABASE IF EXISTS {Name} WITH (FORCE)");
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs one statement in this database and returns its first value.</summary>
    public async Task<T?> ScalarAsync<T>(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }

    /// <summary>Applies the first migration, or takes back all others.</summary>
    public Task MigrateToFirstAsync() => MigrateToFirstAsync(ConnectionString);

    /// <summary>The same in another database, which is created if it does not exist.</summary>
    public static async Task MigrateToFirstAsync(string connectionString)
    {
        await using var context = MigratedTemplate.CreateContext(connectionString);
        await context.GetService<IMigrator>().MigrateAsync(context.Database.GetMigrations().First());
    }

    /// <summary>Runs statements in this database.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    protected async Task NameAsync()
    {
        var server = new NpgsqlConnectionStringBuilder(await PostgresServer.ConnectionStringAsync());
        server.Database = Name;
        ConnectionString = server.ConnectionString;
        DataSource = NpgsqlDataSource.Create(ConnectionString);
    }

    /// <summary>Runs one statement on the server, in another database.</summary>
    public static async Task ExecuteOnServerAsync(string sql)
    {
        await using var server = new NpgsqlConnection(await PostgresServer.ConnectionStringAsync());
        await server.OpenAsync();
        await using var command = new NpgsqlCommand(sql, server);
        await command.ExecuteNonQueryAsync();
    }
}

/// <summary>A <see cref="TestDatabase"/> that does not exist yet: the service has to create it.</summary>
public sealed class MissingDatabase : TestDatabase
{
    public override async ValueTask InitializeAsync() => await NameAsync();
}

/// <summary>A <see cref="TestDatabase"/> with Exact's schema, copied from <see cref="MigratedTemplate"/>.</summary>
public class MigratedDatabase(MigratedTemplate template) : TestDatabase
{
    public override async ValueTask InitializeAsync()
    {
        await NameAsync();
        await ExecuteOnServerAsync($"CREATE DATABASE {Name} TEMPLATE {template.Name}");
    }

    /// <summary>A context on this database.</summary>
    internal ExactDbContext CreateContext() => MigratedTemplate.CreateContext(ConnectionString);
}

/// <summary>The schema is built once a run; each class then copies the database, which is much faster.</summary>
public sealed class MigratedTemplate : TestDatabase
{
    public MigratedTemplate() => Current = this;

    /// <summary>The template of this run, for what xUnit does not create.</summary>
    public static MigratedTemplate Current { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await using (var context = CreateContext(ConnectionString))
        {
            await context.Database.MigrateAsync();
        }

        NpgsqlConnection.ClearAllPools(); // a database with a session cannot be copied
    }

    internal static ExactDbContext CreateContext(string connectionString)
    {
        var options = new DbContextOptionsBuilder<ExactDbContext>();
        options.UseExact(connectionString);
        return new ExactDbContext(options.Options);
    }
}
