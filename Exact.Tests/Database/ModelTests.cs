using Exact.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Exact.Tests.Database;

public sealed class ModelTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public void The_model_has_no_change_without_a_migration()
    {
        using var context = database.CreateContext();

        Assert.False(context.Database.HasPendingModelChanges());
    }
}
