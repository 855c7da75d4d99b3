using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Accounts;

/// <summary>Makes, lists and revokes personal tokens.</summary>
internal sealed class TokenService(ExactDbContext database, TimeProvider time)
{
    /// <summary>Enough for every machine that a person may have.</summary>
    public const int MaxTokens = 100;

    /// <summary>Makes a token; null if the user has too many.</summary>
    public async Task<NewTokenResponse?> CreateAsync(
        long userId,
        TokenRequest request,
        CancellationToken cancellationToken
    )
    {
        if (await database.ApiTokens.CountAsync(token => token.UserId == userId, cancellationToken) >= MaxTokens)
        {
            return null;
        }

        var secret = TokenSecret.Create();
        var token = new ApiToken
        {
            UserId = userId,
            Name = request.Name.Trim(),
            Hash = TokenSecret.HashOf(secret),
            Scopes = [.. request.Scopes.Distinct()],
            CreatedAt = time.GetUtcNow(),
            ExpiresAt = request.ExpiresAt?.ToUniversalTime(),
        };
        database.ApiTokens.Add(token);
        await database.SaveChangesAsync(cancellationToken);
        await database.Entry(token).ReloadAsync(cancellationToken); // PostgreSQL keeps microseconds
        return new NewTokenResponse
        {
            Id = token.Id,
            Name = token.Name,
            Scopes = token.Scopes,
            CreatedAt = token.CreatedAt,
            ExpiresAt = token.ExpiresAt,
            LastUsedAt = null,
            Token = secret,
        };
    }

    /// <summary>The tokens of a user, newest first, without their secrets.</summary>
    public async Task<IReadOnlyList<TokenResponse>> ListAsync(long userId, CancellationToken cancellationToken) =>
        await database
            .ApiTokens.Where(token => token.UserId == userId)
            .OrderByDescending(token => token.Id)
            .Select(token => new TokenResponse
            {
                Id = token.Id,
                Name = token.Name,
                Scopes = token.Scopes,
                CreatedAt = token.CreatedAt,
                ExpiresAt = token.ExpiresAt,
                LastUsedAt = token.LastUsedAt,
            })
            .ToListAsync(cancellationToken);

    /// <summary>Revokes a token of this user at once.</summary>
    /// <returns>Whether the user had it.</returns>
    public async Task<bool> RevokeAsync(long userId, long id, CancellationToken cancellationToken) =>
        await database
            .ApiTokens.Where(token => token.UserId == userId && token.Id == id)
            .ExecuteDeleteAsync(cancellationToken) == 1;
}
