using Exact.Domain;
using Exact.Infrastructure.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Exact.Infrastructure.Database.Configurations;

internal sealed class CompanyConfiguration : IEntityTypeConfiguration<Company>
{
    public void Configure(EntityTypeBuilder<Company> company)
    {
        company.ToTable("companies");
        company.Property(c => c.Name).HasMaxLength(200);
        // Django's length. The column stays text, because narrowing it would read the whole table under an exclusive
        // lock.
        company.Property(c => c.Website).HasMaxLength(200).HasColumnType("text");
        company
            .HasOne<User>()
            .WithOne()
            .HasForeignKey<Company>(c => c.UserId)
            .HasConstraintName("fk_companies_users_user_id")
            .OnDelete(DeleteBehavior.Cascade);
    }
}
