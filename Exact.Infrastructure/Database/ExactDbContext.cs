using Exact.Domain;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Operations;
using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace Exact.Infrastructure.Database;

/// <summary>Exact's tables; services use it directly as their repository and unit of work.</summary>
public sealed class ExactDbContext(DbContextOptions<ExactDbContext> options)
    : IdentityDbContext<User, IdentityRole<long>, long>(options),
        IDataProtectionKeyContext
{
    public DbSet<Challenge> Challenges => Set<Challenge>();

    public DbSet<Score> Scores => Set<Score>();

    public DbSet<ChallengeRules> ChallengeRules => Set<ChallengeRules>();

    public DbSet<Submission> Submissions => Set<Submission>();

    public DbSet<Disqualification> Disqualifications => Set<Disqualification>();

    public DbSet<StoredFile> StoredFiles => Set<StoredFile>();

    public DbSet<Participant> Participants => Set<Participant>();

    public DbSet<Standing> Standings => Set<Standing>();

    public DbSet<ApiToken> ApiTokens => Set<ApiToken>();

    public DbSet<FailedSignIns> FailedSignIns => Set<FailedSignIns>();

    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    public DbSet<Company> Companies => Set<Company>();

    public DbSet<Operation> Operations => Set<Operation>();

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.ApplyConfigurationsFromAssembly(typeof(ExactDbContext).Assembly);
    }

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        configurationBuilder.Properties<ScoreStatus>().HaveConversion<SnakeCaseEnum<ScoreStatus>>().HaveMaxLength(20);
        configurationBuilder
            .Properties<OperationKind>()
            .HaveConversion<SnakeCaseEnum<OperationKind>>()
            .HaveMaxLength(20);
        configurationBuilder
            .Properties<OperationState>()
            .HaveConversion<SnakeCaseEnum<OperationState>>()
            .HaveMaxLength(20);
    }
}
