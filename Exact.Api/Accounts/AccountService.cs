using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Exact.Api.Operations;
using Exact.Domain;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Operations;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Api.Accounts;

/// <summary>Makes accounts and reads them.</summary>
internal sealed class AccountService(
    ExactDbContext database,
    UserManager<User> users,
    PasswordGate gate,
    ChangeJournal journal,
    TimeProvider time
)
{
    /// <summary>Makes an account, once: registrations of the same name or email address wait for one another.</summary>
    /// <param name="wanted">The account. Its address follows the rule; its name will be normalized.</param>
    /// <param name="password">The password, which may break the rules.</param>
    /// <param name="company">The name of the company, or null.</param>
    /// <param name="administrator">
    /// The administrator who makes it, for the journal; the name may then have scores or challenges of an earlier account.
    /// </param>
    /// <param name="address">Where the password comes from.</param>
    /// <param name="cancellationToken">Ends the attempt, but not the commit.</param>
    public async Task<Registration> RegisterAsync(
        User wanted,
        string password,
        string? company,
        string? administrator,
        IPAddress? address,
        CancellationToken cancellationToken
    )
    {
        wanted.UserName = await UserNames.NormalizeAsync(database, wanted.UserName!, cancellationToken);
        if (!UserNames.AreAllowed(wanted.UserName))
        {
            return new Registration.NameNotAllowed();
        }

        if (Actors.Include(wanted.UserName))
        {
            return new Registration.NameReserved();
        }

        if (await FindMistakesAsync(wanted, password) is { Count: > 0 } mistakes)
        {
            return new Registration.WeakPassword(mistakes);
        }

        wanted.DateJoined = time.GetUtcNow();
        wanted.PasswordHash = await HashAsync(wanted, password, address, cancellationToken); // slow, so before the locks
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await LockAsync(wanted, cancellationToken);
        if (await FindConflictAsync(wanted, administrator is not null, cancellationToken) is { } conflict)
        {
            return conflict;
        }

        try
        {
            var created = await users.CreateAsync(wanted);
            if (!created.Succeeded)
            {
                return new Registration.NameTaken(wanted.UserName);
            }
        }
        catch (DbUpdateException e)
            when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            return new Registration.NameTaken(wanted.UserName); // an import has just brought it
        }

        if (!string.IsNullOrWhiteSpace(company))
        {
            database.Companies.Add(
                new Company
                {
                    UserId = wanted.Id,
                    Name = company.Trim(),
                    CreatedAt = wanted.DateJoined,
                }
            );
            await database.SaveChangesAsync(cancellationToken);
        }

        if (administrator is not null)
        {
            AccountChange change = new("create", wanted.UserName) { IsSuperuser = wanted.IsSuperuser };
            await journal.AddAsync(administrator, OperationKind.Account, change, cancellationToken);
        }

        await transaction.CommitAsync(CancellationToken.None);
        return new Registration.Done(wanted);
    }

    /// <summary>What is wrong with a new password.</summary>
    public async Task<IReadOnlyList<string>> FindMistakesAsync(User user, string password)
    {
        var mistakes = new List<string>();
        foreach (var rule in users.PasswordValidators)
        {
            var result = await rule.ValidateAsync(users, user, password);
            mistakes.AddRange(result.Errors.Select(error => error.Description));
        }

        return mistakes;
    }

    /// <summary>Hashes a new password when it is its turn.</summary>
    public async Task<string> HashAsync(
        User user,
        string password,
        IPAddress? address,
        CancellationToken cancellationToken
    )
    {
        using var turn = await gate.EnterAsync(address, cancellationToken);
        return users.PasswordHasher.HashPassword(user, password);
    }

    /// <summary>The account with this key, or null.</summary>
    public Task<AccountResponse?> FindAsync(long id, CancellationToken cancellationToken) =>
        database
            .Users.Where(user => user.Id == id)
            .Select(user => new AccountResponse
            {
                Id = user.Id,
                Username = user.UserName!,
                Email = user.Email,
                FirstName = user.FirstName,
                LastName = user.LastName,
                Company = database
                    .Companies.Where(company => company.UserId == user.Id)
                    .Select(company => company.Name)
                    .SingleOrDefault(),
                IsStaff = user.IsStaff,
                IsSuperuser = user.IsSuperuser,
                DateJoined = user.DateJoined,
                LastLogin = user.LastLogin,
            })
            .SingleOrDefaultAsync(cancellationToken);

    /// <summary>Locks the name and the address for the transaction, always in the same order.</summary>
    private async Task LockAsync(User user, CancellationToken cancellationToken)
    {
        var keys = new[] { $"name {user.UserName!.ToUpperInvariant()}", $"email {users.NormalizeEmail(user.Email)}" }
            .Select(text => BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text))))
            .Order();
        foreach (var key in keys)
        {
            await database.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({key})", cancellationToken);
        }
    }

    private async Task<Registration?> FindConflictAsync(
        User wanted,
        bool mayInherit,
        CancellationToken cancellationToken
    )
    {
        var name = wanted.UserName!;
        if (await FindAlikeAsync(name, cancellationToken) is { } alike)
        {
            return new Registration.NameTaken(alike);
        }

        var email = users.NormalizeEmail(wanted.Email);
        if (
            email is { Length: > 0 }
            && await database.Users.AnyAsync(user => user.NormalizedEmail == email, cancellationToken)
        )
        {
            return new Registration.EmailTaken();
        }

        var hasHistory =
            !mayInherit
            && (
                await database.Participants.AnyAsync(participant => participant.Username == name, cancellationToken)
                || await database.Challenges.AnyAsync(challenge => challenge.CreatedBy == name, cancellationToken)
            );
        return hasHistory ? new Registration.NameHasHistory() : null;
    }

    /// <summary>An account whose name differs at most in case.</summary>
    /// <remarks>The database folds only ASCII, because its locale is C. Other names are few, and compared here.</remarks>
    private async Task<string?> FindAlikeAsync(string name, CancellationToken cancellationToken)
    {
        if (Ascii.IsValid(name))
        {
            return await database
                .Users.FromSql($"SELECT * FROM users WHERE lower(username) = lower({name})")
                .Select(user => user.UserName)
                .OrderBy(other => other)
                .FirstOrDefaultAsync(cancellationToken);
        }

        var length = name.EnumerateRunes().Count();
        return await database
            .Users.Where(user => user.UserName!.Length == length)
            .Select(user => user.UserName!)
            .AsAsyncEnumerable()
            .FirstOrDefaultAsync(
                other => string.Equals(other, name, StringComparison.OrdinalIgnoreCase),
                cancellationToken
            );
    }
}

/// <summary>How a registration ended.</summary>
internal abstract record Registration
{
    internal sealed record Done(User User) : Registration;

    /// <summary>The normalized name breaks the rule.</summary>
    internal sealed record NameNotAllowed : Registration;

    internal sealed record WeakPassword(IReadOnlyList<string> Mistakes) : Registration;

    /// <summary>The journal gives this name to what no account does.</summary>
    internal sealed record NameReserved : Registration;

    internal sealed record NameTaken(string By) : Registration;

    internal sealed record EmailTaken : Registration;

    /// <summary>An earlier account, or an imported backup, has left scores or challenges under this name.</summary>
    internal sealed record NameHasHistory : Registration;
}
