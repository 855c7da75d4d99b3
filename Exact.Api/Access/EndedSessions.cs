using System.Globalization;
using System.Security.Claims;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Access;

/// <summary>Remembers which sessions were signed out, so that a copy of their cookie ends, too; other devices go on.</summary>
/// <remarks>Only sign-outs are kept, in Identity's table of user tokens, for as long as a copy could be valid.</remarks>
internal sealed class EndedSessions(ExactDbContext database, TimeProvider time)
{
    private const string ClaimType = "session";

    private const string Provider = "ended-session";

    /// <summary>The id of a new session.</summary>
    public static Claim NewId() => new(ClaimType, $"{Guid.NewGuid():N}");

    /// <summary>Gives the renewed principal the id of its session.</summary>
    public static void KeepId(ClaimsPrincipal old, ClaimsPrincipal renewed)
    {
        var identity = (ClaimsIdentity)renewed.Identity!;
        if (old.FindFirst(ClaimType) is { } id)
        {
            identity.RemoveClaim(identity.FindFirst(ClaimType));
            identity.AddClaim(new Claim(ClaimType, id.Value));
        }
    }

    /// <summary>Ends the session of this caller.</summary>
    public async Task EndAsync(ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        if (user.AccountId() is not { } account || user.FindFirstValue(ClaimType) is not { } id)
        {
            return;
        }

        var tokens = database.Set<IdentityUserToken<long>>();
        var now = Text(time.GetUtcNow());
        await tokens
            .Where(one => one.UserId == account && one.LoginProvider == Provider)
            .Where(one => string.Compare(one.Value, now) < 0)
            .ExecuteDeleteAsync(cancellationToken);
        var until = Text(time.GetUtcNow() + SessionCookie.Lifetime);
        await database.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO user_tokens (user_id, login_provider, name, value) VALUES ({account}, {Provider}, {id}, {until})
            ON CONFLICT DO NOTHING
            """,
            cancellationToken
        );
    }

    /// <summary>Whether the session was signed out, here or with a copy of the cookie.</summary>
    public Task<bool> HasEndedAsync(ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        var (account, id) = (user.AccountId(), user.FindFirstValue(ClaimType));
        return database
            .Set<IdentityUserToken<long>>()
            .AnyAsync(
                one => one.UserId == account && one.LoginProvider == Provider && one.Name == id,
                cancellationToken
            );
    }

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
}
