using System.CommandLine;
using Exact.Bench;

var scores = new Option<int>("--scores")
{
    Description = "The scores of the largest fixture; the others have a tenth and a hundredth of it.",
    DefaultValueFactory = _ => 1_000_000,
};
var rounds = new Option<int>("--rounds")
{
    Description = "How often everything is measured; the table shows medians.",
    DefaultValueFactory = _ => 3,
};
var withoutDjango = new Option<bool>("--without-django") { Description = "Leave out the comparison with Django." };
var live = new Option<bool>("--live") { Description = "Only the import from a live Django database." };
var reads = new Option<bool>("--reads") { Description = "Only reads under load, in a challenge with all scores." };
var legacy = new Option<bool>("--legacy")
{
    Description = "Only reads beside Django REST framework under gunicorn; use it with --scores 100000.",
};
var starts = new Option<bool>("--starts") { Description = "Only starts on a current schema, beside Django's migrate." };
var scale = new Option<bool>("--scale")
{
    Description =
        "Only what grows with the scores, once at a tenth, three tenths and all of them; use it with --scores 10000000.",
};
var folder = new Option<string>("--folder")
{
    Description = "Where the fixtures and the server's data go; about 5 kB a score. It is removed at the end.",
    DefaultValueFactory = _ => Path.Combine(Path.GetTempPath(), $"exact-bench-{Environment.ProcessId}"),
};
var command = new RootCommand("Measures Exact's import and export side by side with psql and Django.")
{
    scores,
    rounds,
    withoutDjango,
    live,
    reads,
    legacy,
    starts,
    scale,
    folder,
};
command.SetAction(
    async (parsed, cancellationToken) =>
    {
        await using var workshop = await Workshop.OpenAsync(parsed.GetValue(folder)!, cancellationToken);
        var figures = new Figures();
        var bench = new Rounds(workshop, figures, parsed.GetValue(scores), !parsed.GetValue(withoutDjango));
        if (parsed.GetValue(reads))
        {
            await new ReadRounds(workshop, parsed.GetValue(scores)).RunAsync(cancellationToken);
            return 0;
        }

        if (parsed.GetValue(legacy))
        {
            await new LegacyRounds(workshop, parsed.GetValue(scores)).RunAsync(cancellationToken);
            return 0;
        }

        if (parsed.GetValue(starts))
        {
            await new StartRounds(workshop, parsed.GetValue(rounds)).RunAsync(cancellationToken);
            return 0;
        }

        if (parsed.GetValue(scale))
        {
            await new ScaleRounds(workshop, parsed.GetValue(scores)).RunAsync(cancellationToken);
            return 0;
        }

        if (parsed.GetValue(live))
        {
            int[] sizes = [parsed.GetValue(scores) / 10, parsed.GetValue(scores)];
            foreach (var size in sizes)
            {
                var beside = new LiveRounds(workshop, figures, size);
                for (var round = 1; round <= parsed.GetValue(rounds); round++)
                {
                    await beside.RunAsync(cancellationToken);
                }
            }

            Console.WriteLine(figures.ToMarkdown(sizes));
            return 0;
        }

        for (var round = 1; round <= parsed.GetValue(rounds); round++)
        {
            await bench.RunAsync(round, cancellationToken);
        }

        Console.WriteLine(figures.ToMarkdown(bench.Sizes));
        return 0;
    }
);
return await command.Parse(args).InvokeAsync();
