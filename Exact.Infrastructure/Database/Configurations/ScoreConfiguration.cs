using Exact.Domain;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Exact.Infrastructure.Database.Configurations;

internal sealed class ScoreConfiguration : IEntityTypeConfiguration<Score>
{
    public void Configure(EntityTypeBuilder<Score> score)
    {
        score.ToTable(
            "scores",
            table =>
                table.HasCheckConstraint(
                    "ck_scores_status",
                    $"status IN ({string.Join(", ", SnakeCaseEnum<ScoreStatus>.Texts.Select(text => $"'{text}'"))})"
                )
        );
        score.Property(s => s.Username).HasMaxLength(150);
        score.Property(s => s.ChallengeId).HasMaxLength(100);
        score.Property(s => s.Primary).HasColumnName("score");
        score.Property(s => s.MethodName).HasMaxLength(100);
        score
            .HasOne<Challenge>()
            .WithMany()
            .HasForeignKey(s => s.ChallengeId)
            .HasPrincipalKey(c => c.ChallengeId)
            .OnDelete(DeleteBehavior.Cascade);

        // For a challenge's scores in key order.
        score.HasIndex(s => new { s.ChallengeId, s.Id }).IncludeProperties(s => s.Username);
        score.HasIndex(s => new { s.ChallengeId, s.Username });

        // The queue: what waits for a worker, or is with one. After an import built it again, IN would read differently in the catalogue.
        score
            .HasIndex(s => new { s.ChallengeId, s.Id }, "ix_scores_queue")
            .HasDatabaseName("ix_scores_queue")
            .HasFilter("status = 'pending' OR status = 'running'");

        // One index per metric, in the order of a leaderboard of all scores.
        score
            .HasIndex(s => new
            {
                s.ChallengeId,
                s.EmdScore,
                s.CreatedAt,
                s.Id,
            })
            .HasDatabaseName("ix_scores_ranked_emd")
            .IsDescending(false, true, false, false)
            .HasFilter(Ranked("emd_score"));
        score
            .HasIndex(s => new
            {
                s.ChallengeId,
                s.ImaScore,
                s.CreatedAt,
                s.Id,
            })
            .HasDatabaseName("ix_scores_ranked_ima")
            .IsDescending(false, true, false, false)
            .HasFilter(Ranked("ima_score"));

        // Scores without metrics: the EMD leaderboard uses their primary score.
        score
            .HasIndex(s => new
            {
                s.ChallengeId,
                s.Primary,
                s.CreatedAt,
                s.Id,
            })
            .HasDatabaseName("ix_scores_ranked_score")
            .IsDescending(false, true, false, false)
            .HasFilter($"emd_score IS NULL AND {Ranked("score")}");
    }

    /// <summary>
    /// The condition for the leaderboard: completed, with a finite metric. PostgreSQL sorts NaN above infinity.
    /// </summary>
    internal static string Ranked(string column) =>
        $"status = 'completed' AND {column} > '-Infinity' AND {column} < 'Infinity'";
}
