using Exact.Infrastructure.Accounts;
using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Exact.Infrastructure.Database.Configurations;

/// <summary>The tables of accounts that no export carries.</summary>
internal sealed class AccountConfiguration
    : IEntityTypeConfiguration<ApiToken>,
        IEntityTypeConfiguration<FailedSignIns>,
        IEntityTypeConfiguration<DataProtectionKey>
{
    public void Configure(EntityTypeBuilder<ApiToken> token)
    {
        token.ToTable("api_tokens");
        token.Property(t => t.Name).HasMaxLength(100);
        token.HasIndex(t => t.Hash).IsUnique();
        token
            .HasOne<User>()
            .WithMany()
            .HasForeignKey(t => t.UserId)
            .HasConstraintName("fk_api_tokens_users_user_id")
            .OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<FailedSignIns> failures)
    {
        failures.ToTable("failed_sign_ins");
        failures.HasKey(f => f.Key);
        failures.Property(f => f.Key).HasMaxLength(64);
        failures.HasIndex(f => f.Since);
    }

    public void Configure(EntityTypeBuilder<DataProtectionKey> key) => key.ToTable("data_protection_keys");
}
