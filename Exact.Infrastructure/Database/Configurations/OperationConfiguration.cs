using Exact.Infrastructure.Operations;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Exact.Infrastructure.Database.Configurations;

internal sealed class OperationConfiguration : IEntityTypeConfiguration<Operation>
{
    public void Configure(EntityTypeBuilder<Operation> operation)
    {
        operation.ToTable("operations");
        operation.Property(o => o.Actor).HasMaxLength(150);
        operation.Property(o => o.CancelledBy).HasMaxLength(150);
        operation.Property(o => o.Origin).HasMaxLength(200);
        operation.Property(o => o.Progress).HasColumnType("jsonb");
        operation.Property(o => o.Figures).HasColumnType("jsonb");
    }
}
