using Exact.Domain;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Exact.Infrastructure.Database.Configurations;

internal sealed class SubmissionConfiguration
    : IEntityTypeConfiguration<ChallengeRules>,
        IEntityTypeConfiguration<Submission>,
        IEntityTypeConfiguration<Disqualification>,
        IEntityTypeConfiguration<StoredFile>
{
    public void Configure(EntityTypeBuilder<ChallengeRules> rules)
    {
        rules.ToTable("challenge_rules");
        rules.Property(r => r.ChallengeId).HasMaxLength(100);
        rules.Property(r => r.AcceptedTypes).HasMaxLength(200);
        rules
            .HasOne<Challenge>()
            .WithOne()
            .HasForeignKey<ChallengeRules>(r => r.ChallengeId)
            .HasPrincipalKey<Challenge>(c => c.ChallengeId)
            .OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<Submission> submission)
    {
        submission.ToTable("submissions");
        submission.Property(s => s.File).HasMaxLength(100);
        submission.Property(s => s.Sha256).HasMaxLength(64);
        submission.Property(s => s.OriginalName).HasMaxLength(255);
        submission.Property(s => s.Worker).HasMaxLength(200);
        submission.HasOne<Score>().WithOne().HasForeignKey<Submission>(s => s.ScoreId).OnDelete(DeleteBehavior.Cascade);
        submission.HasIndex(s => s.LeaseUntil).HasFilter("lease IS NOT NULL");
        submission.HasIndex(s => s.File);
    }

    public void Configure(EntityTypeBuilder<Disqualification> disqualification)
    {
        disqualification.ToTable("disqualifications");
        disqualification.Property(d => d.Reason).HasMaxLength(1000);
        disqualification.Property(d => d.CreatedBy).HasMaxLength(150);
        disqualification
            .HasOne<Score>()
            .WithOne()
            .HasForeignKey<Disqualification>(d => d.ScoreId)
            .OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<StoredFile> file)
    {
        file.ToTable("stored_files");
        file.Property(f => f.Key).HasMaxLength(100);
        file.Property(f => f.OriginalName).HasMaxLength(255);
        file.Property(f => f.ContentType).HasMaxLength(255);
        file.Property(f => f.Sha256).HasMaxLength(64);
        file.Property(f => f.CreatedBy).HasMaxLength(150);
        file.HasIndex(f => f.Key).IsUnique();
    }
}
