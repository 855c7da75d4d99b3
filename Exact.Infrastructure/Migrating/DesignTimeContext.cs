using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace Exact.Infrastructure.Migrating;

/// <summary>Creates the context for <c>dotnet ef</c>, which writes migrations and scripts without a server.</summary>
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
