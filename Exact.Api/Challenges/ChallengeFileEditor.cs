using System.Security.Claims;
using Exact.Api.Access;
using Exact.Api.Http;
using Exact.Api.Operations;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Exact.Api.Challenges;

/// <summary>Replaces the files of challenges.</summary>
internal sealed class ChallengeFileEditor(
    ExactDbContext database,
    ChallengeService challenges,
    FileUpload upload,
    UnusedFiles unused,
    ChangeJournal journal,
    IOptions<FileStoreOptions> options
)
{
    /// <summary>The part of the form.</summary>
    public const string Part = "file";

    /// <summary>Whether the caller may replace the files of this challenge.</summary>
    public async Task<ChallengeChange> CheckAsync(
        string challengeId,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    )
    {
        var organisers = database.Challenges.Where(one => one.ChallengeId == challengeId).Select(one => one.CreatedBy);
        return Judge(await organisers.SingleOrDefaultAsync(cancellationToken), user);
    }

    /// <summary>Stores the file of a form in place of the one that the challenge has; that is deleted after the commit.</summary>
    public async Task<ChallengeChange> ReplaceAsync(
        string challengeId,
        string kind,
        MultipartForm form,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    )
    {
        await using var received = upload;
        await form.ReadFieldsAsync([], [Part], cancellationToken);
        var file =
            await form.NextFileAsync(cancellationToken)
            ?? throw new FormPartException(Part, "The file is missing. Send it as the part file. Nothing was changed.");
        var stored = await received.ReceiveAsync(
            file.Content,
            file.FileName,
            file.ContentType,
            user.Identity!.Name!,
            options.Value.MaxBytes,
            cancellationToken
        );
        await form.NextFileAsync(cancellationToken); // finds that nothing follows
        var outcome = ChallengeChange.NotFound;
        var old = new HashSet<string>();
        await received.SaveAsync(
            async () =>
            {
                var challenge = await database.LockChallengeAsync(challengeId, cancellationToken);
                outcome = Judge(challenge?.CreatedBy, user); // once more, for the body may have taken hours
                if (outcome is ChallengeChange.Done)
                {
                    await ReplaceAsync(challenge!, kind, stored.Key, user, old, cancellationToken);
                }

                return outcome is ChallengeChange.Done;
            },
            cancellationToken
        );
        if (outcome is ChallengeChange.Done)
        {
            await unused.DeleteAsync(challengeId, old);
        }

        return outcome;
    }

    private async Task ReplaceAsync(
        Challenge challenge,
        string kind,
        string key,
        ClaimsPrincipal user,
        HashSet<string> old,
        CancellationToken cancellationToken
    )
    {
        var before = await challenges.FindAsync(challenge.ChallengeId, cancellationToken);
        var property = database.Entry(challenge).Property<string?>(ChallengeForm.PropertyOf(kind));
        if (property.CurrentValue is { Length: > 0 } replaced)
        {
            old.Add(replaced);
        }

        property.CurrentValue = key;
        await database.SaveChangesAsync(cancellationToken);
        await unused.ForgetAsync(old, cancellationToken);
        var after = await challenges.FindAsync(challenge.ChallengeId, cancellationToken);
        await journal.AddAsync(
            user,
            new($"replace_{kind}", challenge.ChallengeId, null, null, before, after),
            cancellationToken
        );
    }

    private static ChallengeChange Judge(string? organiser, ClaimsPrincipal user) =>
        organiser is null ? ChallengeChange.NotFound
        : user.MayOrganise(organiser) ? ChallengeChange.Done
        : ChallengeChange.NotYours;
}
