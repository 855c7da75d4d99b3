using System.CommandLine;
using Exact.Api.Operations;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Standings;

namespace Exact.Api.Commands;

/// <summary><c>standings</c>: compares participants and standings with the scores, and derives them again.</summary>
internal static class StandingsCommand
{
    public static Command Create(IServiceProvider services)
    {
        var rebuild = new Option<bool>("--rebuild") { Description = "Derive what differs from the scores again." };
        var command = new DatabaseCommand("standings", "Compare participants and standings with the scores.")
        {
            rebuild,
        };
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var check = services.GetRequiredService<StandingsCheck>();
                var isRebuilt = parsed.GetValue(rebuild);
                var report = await check.RunAsync(isRebuilt, cancellationToken);
                if (isRebuilt && !report.AreEqual)
                {
                    await using var scope = services.CreateAsyncScope();
                    await scope
                        .ServiceProvider.GetRequiredService<ChangeJournal>()
                        .AddAsync(Actors.CommandLine, OperationKind.Standings, report, CancellationToken.None);
                }

                await Console.Out.WriteLineAsync(
                    report.AreEqual
                        ? $"{report.Participants} participants of {report.Challenges} challenges equal the scores."
                        : $"{report.WrongParticipants} participants and the counts of {report.WrongStandings} challenges differed "
                            + $"from the scores. {(isRebuilt ? "They were derived again." : "Run exact standings --rebuild.")}"
                );
                return report.AreEqual || isRebuilt ? ExitCode.Done : ExitCode.Failed;
            }
        );
        return command;
    }
}
