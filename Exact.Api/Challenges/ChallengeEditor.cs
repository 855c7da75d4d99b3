using System.Security.Claims;
using System.Text.Json;
using Exact.Api.Access;
using Exact.Api.Http;
using Exact.Api.Operations;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using FluentValidation;
using FluentValidation.Results;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Api.Challenges;

/// <summary>What became of a change.</summary>
internal enum ChallengeChange
{
    Done,
    NotFound,
    NotYours,
    NameTaken,
}

/// <summary>Creates, changes and deletes challenges.</summary>
internal sealed class ChallengeEditor(
    ExactDbContext database,
    ChallengeService challenges,
    FileUpload upload,
    UnusedFiles unused,
    ChangeJournal journal,
    IValidator<ChallengeFields> validator,
    IOptions<FileStoreOptions> options,
    TimeProvider time
)
{
    /// <summary>Creates a challenge, and stores the files of its form.</summary>
    /// <exception cref="ValidationException">A field is not valid.</exception>
    public async Task<(ChallengeChange Outcome, string ChallengeId)> CreateAsync(
        MultipartForm form,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    )
    {
        await using var received = upload;
        await form.ReadFieldsAsync(ChallengeForm.Names, ChallengeForm.Files, cancellationToken);
        var (name, fields) = form.IsInAnyOrder ? (null, new()) : Check(form.Fields);
        if (name is not null && await database.Challenges.AnyAsync(one => one.ChallengeId == name, cancellationToken))
        {
            return (ChallengeChange.NameTaken, name);
        }

        var challenge = new Challenge
        {
            ChallengeId = name ?? Guid.NewGuid().ToString("N"),
            Title = "",
            CreatedAt = time.GetUtcNow(),
            CreatedBy = user.Identity!.Name!,
        };
        while (await form.NextFileAsync(cancellationToken) is { } file)
        {
            var stored = await received.ReceiveAsync(
                file.Content,
                file.FileName,
                file.ContentType,
                user.Identity!.Name!,
                options.Value.MaxBytes,
                cancellationToken
            );
            _ = file.Name switch
            {
                "dataset" => challenge.Dataset = stored.Key,
                "mlmodel" => challenge.Mlmodel = stored.Key,
                _ => challenge.Xaimethod = stored.Key,
            };
        }

        fields = form.IsInAnyOrder ? Check(form.Fields).Fields : fields;
        fields.CopyTo(challenge);
        try
        {
            await received.SaveAsync(
                async () =>
                {
                    database.Add(challenge);
                    ApplyRules(fields, challenge, rules: null);
                    await database.SaveChangesAsync(cancellationToken);
                    await JournalAsync(user, "create", challenge.ChallengeId, before: null, cancellationToken);
                    return true;
                },
                cancellationToken
            );
            return (ChallengeChange.Done, challenge.ChallengeId);
        }
        catch (DbUpdateException e)
            when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            return (ChallengeChange.NameTaken, challenge.ChallengeId);
        }
    }

    /// <summary>Applies a merge patch to the fields of a challenge.</summary>
    /// <exception cref="ValidationException">A field would not be valid.</exception>
    public async Task<ChallengeChange> ChangeAsync(
        string challengeId,
        JsonElement patch,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    )
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await database.LockChallengeAsync(challengeId, cancellationToken) is not { } challenge)
        {
            return ChallengeChange.NotFound;
        }

        if (!user.MayOrganise(challenge.CreatedBy))
        {
            return ChallengeChange.NotYours;
        }

        var rules = await database.ChallengeRules.SingleOrDefaultAsync(
            one => one.ChallengeId == challengeId,
            cancellationToken
        );
        var before = await challenges.FindAsync(challengeId, cancellationToken);
        var fields = ChallengeFields.Of(challenge, rules);
        var changed = fields.With(patch);
        if (validator.FindNewMistakes(fields, changed) is { Count: > 0 } mistakes)
        {
            throw new ValidationException(mistakes);
        }

        changed.CopyTo(challenge);
        ApplyRules(changed, challenge, rules);
        await database.SaveChangesAsync(cancellationToken);
        await JournalAsync(user, "change", challengeId, before, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        return ChallengeChange.Done;
    }

    /// <summary>Closes a challenge now, by the clock of the database. One that is closed stays as it is.</summary>
    public async Task<ChallengeChange> CloseAsync(
        string challengeId,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    )
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await database.LockChallengeAsync(challengeId, cancellationToken) is not { } challenge)
        {
            return ChallengeChange.NotFound;
        }

        if (!user.MayOrganise(challenge.CreatedBy))
        {
            return ChallengeChange.NotYours;
        }

        var before = await challenges.FindAsync(challengeId, cancellationToken);
        var closed = await database
            .Challenges.Where(one => one.ChallengeId == challengeId)
            .Where(one => one.ClosesOn == null || one.ClosesOn > DateTimeOffset.UtcNow)
            .ExecuteUpdateAsync(
                set => set.SetProperty(one => one.ClosesOn, _ => DateTimeOffset.UtcNow),
                cancellationToken
            );
        if (closed == 1)
        {
            await JournalAsync(user, "close", challengeId, before, cancellationToken);
        }

        await transaction.CommitAsync(CancellationToken.None);
        return ChallengeChange.Done;
    }

    /// <summary>Deletes a challenge with its scores, its submissions and their files.</summary>
    public async Task<ChallengeChange> DeleteAsync(
        string challengeId,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    )
    {
        database.Database.SetCommandTimeout(0); // it may have a million scores
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await database.LockChallengeAsync(challengeId, cancellationToken) is not { } challenge)
        {
            return ChallengeChange.NotFound;
        }

        if (!user.MayOrganise(challenge.CreatedBy))
        {
            return ChallengeChange.NotYours;
        }

        var submitted = await (
            from submission in database.Submissions
            join score in database.Scores on submission.ScoreId equals score.Id
            where score.ChallengeId == challengeId
            select submission.File
        ).ToListAsync(cancellationToken);
        var keys = submitted
            .Concat(new[] { challenge.Dataset, challenge.Mlmodel, challenge.Xaimethod }.OfType<string>())
            .ToHashSet();
        var before = await challenges.FindAsync(challengeId, cancellationToken);
        await database.Challenges.Where(one => one.ChallengeId == challengeId).ExecuteDeleteAsync(cancellationToken);
        await unused.ForgetAsync(keys, cancellationToken);
        await journal.AddAsync(user, new("delete", challengeId, null, null, before, null), cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        await unused.DeleteAsync(challengeId, keys);
        return ChallengeChange.Done;
    }

    private async Task JournalAsync(
        ClaimsPrincipal user,
        string action,
        string challengeId,
        ChallengeResponse? before,
        CancellationToken cancellationToken
    )
    {
        var after = await challenges.FindAsync(challengeId, cancellationToken);
        await journal.AddAsync(user, new(action, challengeId, null, null, before, after), cancellationToken);
    }

    private (string? ChallengeId, ChallengeFields Fields) Check(IReadOnlyDictionary<string, string> sent)
    {
        var (name, fields) = ChallengeForm.Parse(sent);
        var errors = validator.Validate(fields).Errors;
        if (name is not null && !ChallengeForm.IsPlain(name))
        {
            errors.Add(
                new ValidationFailure(
                    "challenge_id",
                    "Use at most 100 of A-Z, a-z, 0-9, '.', '_' and '-'; begin with a letter or digit."
                )
            );
        }

        return errors.Count == 0 ? (name, fields) : throw new ValidationException(errors);
    }

    /// <summary>Keeps a row of rules only where there is something to say.</summary>
    private void ApplyRules(ChallengeFields fields, Challenge challenge, ChallengeRules? rules)
    {
        if (fields is { OpensOn: null, Rules: null })
        {
            if (rules is not null)
            {
                database.Remove(rules);
            }

            return;
        }

        if (rules is null)
        {
            rules = new ChallengeRules { ChallengeId = challenge.ChallengeId };
            database.Add(rules);
        }

        fields.CopyTo(rules);
    }
}
