using System.Globalization;
using System.Text;

namespace Exact.Bench;

/// <summary>What was measured, and the table of it.</summary>
internal sealed class Figures
{
    private readonly List<Measurement> measurements = [];

    /// <summary>Notes what one round measured: ours, and what it is compared with.</summary>
    public void Add(Figure figure, int size, double ours, double? theirs = null)
    {
        measurements.Add(new Measurement(figure, size, ours, theirs));
        Console.Error.WriteLine($"  {figure.Name}, {size:n0}: {figure.Show(ours, theirs)}");
    }

    public string ToMarkdown(IReadOnlyList<int> sizes)
    {
        var table = new StringBuilder();
        table.AppendLine($"| what | {string.Join(" | ", sizes.Select(Words))} | target | met |");
        table.AppendLine($"|---|{string.Concat(sizes.Select(_ => "---|"))}---|---|");
        foreach (var figure in Figure.All.Where(figure => measurements.Any(m => m.Figure == figure)))
        {
            var cells = sizes.Select(size =>
                Cell(measurements.Where(m => m.Figure == figure && m.Size == size).ToList())
            );
            var bySize = measurements.Where(m => m.Figure == figure).GroupBy(m => m.Size).ToList();
            var met =
                bySize.All(rounds => figure.IsMet(Median(rounds.Select(m => m.Score))))
                && (figure.Unit is not Unit.Mebibytes || AreAlike(bySize.Select(PeakOf)));
            table.AppendLine(
                $"| {figure.Name} | {string.Join(" | ", cells)} | {figure.Target} | {Answer(figure, met)} |"
            );
        }

        return table.ToString();
    }

    private static string Answer(Figure figure, bool met) =>
        figure.Target.Length == 0 ? ""
        : met ? "yes"
        : "no";

    private static string Cell(List<Measurement> rounds)
    {
        if (rounds.Count == 0)
        {
            return "";
        }

        double? theirs = rounds[0].Theirs is null ? null : Median(rounds.Select(m => m.Theirs!.Value));
        return rounds[0].Figure.Show(Median(rounds.Select(m => m.Ours)), theirs, Median(rounds.Select(m => m.Score)));
    }

    private static double PeakOf(IEnumerable<Measurement> rounds) => Median(rounds.Select(m => m.Theirs!.Value));

    /// <summary>Whether no peak is more than a tenth above another.</summary>
    private static bool AreAlike(IEnumerable<double> peaks) => peaks.Max() <= peaks.Min() * 1.1;

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Words(int size) =>
        size switch
        {
            >= 1_000_000 when size % 1_000_000 == 0 => $"{size / 1_000_000} million",
            >= 1_000 when size % 1_000 == 0 => $"{size / 1_000} thousand",
            _ => size.ToString(CultureInfo.InvariantCulture),
        };

    private sealed record Measurement(Figure Figure, int Size, double Ours, double? Theirs)
    {
        public double Score => Figure.Score(Ours, Theirs);
    }
}
