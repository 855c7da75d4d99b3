using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>With <see cref="ImportMode.Replace"/>: the last active superuser is not deleted.</summary>
internal sealed class SuperuserGuard(ImportSql sql, ImportOptions options, FixtureErrors errors)
{
    private bool wasThere;

    /// <summary>Looks whether there is one before the import.</summary>
    public async Task LookAsync(CancellationToken cancellationToken) =>
        wasThere = options.Mode == ImportMode.Replace && await IsThereAsync(cancellationToken);

    /// <summary>Refuses the file if there was one and is none now.</summary>
    public async Task RefuseIfNoneIsLeftAsync(CancellationToken cancellationToken)
    {
        if (wasThere && !await IsThereAsync(cancellationToken))
        {
            const string Detail = "The platform would have no active superuser left: add one to the file.";
            errors.Add(FixtureError.OfFile(FixtureErrorCode.NoSuperuser, Detail, "auth.user"));
        }
    }

    private async Task<bool> IsThereAsync(CancellationToken cancellationToken) =>
        await sql.ScalarAsync("SELECT count(*) FROM users WHERE is_superuser AND is_active", cancellationToken) > 0;
}
