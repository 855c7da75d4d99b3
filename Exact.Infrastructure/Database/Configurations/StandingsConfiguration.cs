using Exact.Domain;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Exact.Infrastructure.Database.Configurations;

/// <summary>The derived tables that leaderboards and counts read (docs/decisions/standings.md).</summary>
internal sealed class StandingsConfiguration : IEntityTypeConfiguration<Participant>, IEntityTypeConfiguration<Standing>
{
    public void Configure(EntityTypeBuilder<Participant> participant)
    {
        participant.ToTable("participants");
        participant.HasKey(p => new { p.ChallengeId, p.Username });
        participant.Property(p => p.ChallengeId).HasMaxLength(100);
        participant.Property(p => p.Username).HasMaxLength(150);
        participant
            .HasOne<Challenge>()
            .WithMany()
            .HasForeignKey(p => p.ChallengeId)
            .HasPrincipalKey(c => c.ChallengeId)
            .OnDelete(DeleteBehavior.Cascade);

        // One index per metric, in the order of the leaderboard.
        participant
            .HasIndex(p => new
            {
                p.ChallengeId,
                p.BestEmd,
                p.BestEmdAt,
                p.BestEmdId,
            })
            .HasDatabaseName("ix_participants_emd")
            .IsDescending(false, true, false, false)
            .HasFilter("best_emd IS NOT NULL");
        participant
            .HasIndex(p => new
            {
                p.ChallengeId,
                p.BestIma,
                p.BestImaAt,
                p.BestImaId,
            })
            .HasDatabaseName("ix_participants_ima")
            .IsDescending(false, true, false, false)
            .HasFilter("best_ima IS NOT NULL");
    }

    public void Configure(EntityTypeBuilder<Standing> standing)
    {
        standing.ToTable("standings");
        standing.Property(s => s.ChallengeId).HasMaxLength(100);
        standing
            .HasOne<Challenge>()
            .WithMany()
            .HasForeignKey(s => s.ChallengeId)
            .HasPrincipalKey(c => c.ChallengeId)
            .OnDelete(DeleteBehavior.Cascade);
    }
}
