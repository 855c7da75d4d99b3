using Exact.Infrastructure.Accounts;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Exact.Infrastructure.Database.Configurations;

/// <summary>
/// ASP.NET Core Identity's tables with Exact's names and Django's lengths. User and group names are case-sensitive (see
/// <see cref="CaseSensitiveNames"/>).
/// </summary>
internal sealed class IdentityConfiguration
    : IEntityTypeConfiguration<User>,
        IEntityTypeConfiguration<IdentityRole<long>>,
        IEntityTypeConfiguration<IdentityUserRole<long>>,
        IEntityTypeConfiguration<IdentityUserClaim<long>>,
        IEntityTypeConfiguration<IdentityRoleClaim<long>>,
        IEntityTypeConfiguration<IdentityUserLogin<long>>,
        IEntityTypeConfiguration<IdentityUserToken<long>>
{
    public void Configure(EntityTypeBuilder<User> user)
    {
        user.ToTable("users");
        user.Property(u => u.UserName).HasColumnName("username").HasMaxLength(150).IsRequired();
        user.Property(u => u.NormalizedUserName).HasColumnName("normalized_username").HasMaxLength(150).IsRequired();
        user.HasIndex(u => u.NormalizedUserName).HasDatabaseName("ix_users_normalized_username").IsUnique();
        user.HasIndex(u => u.NormalizedEmail).HasDatabaseName("ix_users_normalized_email");
        user.Property(u => u.Email).HasMaxLength(254);
        user.Property(u => u.NormalizedEmail).HasMaxLength(254);
        // Django's length; the column stays text, as for Company.Website.
        user.Property(u => u.PasswordHash).HasMaxLength(128).HasColumnType("text");
        user.Property(u => u.FirstName).HasMaxLength(150);
        user.Property(u => u.LastName).HasMaxLength(150);
    }

    public void Configure(EntityTypeBuilder<IdentityRole<long>> role)
    {
        role.ToTable("roles");
        role.Property(r => r.Name).HasMaxLength(150).IsRequired();
        role.Property(r => r.NormalizedName).HasMaxLength(150).IsRequired();
        role.HasIndex(r => r.NormalizedName).HasDatabaseName("ix_roles_normalized_name").IsUnique();
    }

    public void Configure(EntityTypeBuilder<IdentityUserRole<long>> userRole) => userRole.ToTable("user_roles");

    public void Configure(EntityTypeBuilder<IdentityUserClaim<long>> claim) => claim.ToTable("user_claims");

    public void Configure(EntityTypeBuilder<IdentityRoleClaim<long>> claim) => claim.ToTable("role_claims");

    public void Configure(EntityTypeBuilder<IdentityUserLogin<long>> login) => login.ToTable("user_logins");

    public void Configure(EntityTypeBuilder<IdentityUserToken<long>> token) => token.ToTable("user_tokens");
}
