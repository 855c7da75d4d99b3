using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace Exact.Infrastructure.Database;

/// <summary>What <c>dotnet ef</c> uses; it needs no server to write a migration or a script.</summary>
internal sealed class DesignTimeContext : IDesignTimeDbContextFactory<ExactDbContext>
{
    public ExactDbContext CreateDbContext(string[] args)
    {
        var connectionString = Environment.GetEnvironmentVariable("ConnectionStrings__Exact") ?? "Host=localhost";
        var options = new DbContextOptionsBuilder<ExactDbContext>();
        options.UseExact(ConnectionStringReader.Read("ConnectionStrings:Exact", connectionString).ConnectionString);
        return new ExactDbContext(options.Options);
    }
}
