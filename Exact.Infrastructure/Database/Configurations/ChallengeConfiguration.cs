using Exact.Domain;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Exact.Infrastructure.Database.Configurations;

internal sealed class ChallengeConfiguration : IEntityTypeConfiguration<Challenge>
{
    public void Configure(EntityTypeBuilder<Challenge> challenge)
    {
        challenge.ToTable("challenges");
        challenge.HasAlternateKey(c => c.ChallengeId);
        challenge.Property(c => c.ChallengeId).HasMaxLength(100);
        challenge.Property(c => c.Title).HasMaxLength(100);
        challenge.Property(c => c.CreatedBy).HasMaxLength(150);
        challenge.Property(c => c.Dataset).HasMaxLength(100);
        challenge.Property(c => c.Mlmodel).HasMaxLength(100);
        challenge.Property(c => c.Xaimethod).HasMaxLength(100);
    }
}
