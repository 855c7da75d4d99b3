using Exact.Api.Worker;
using Exact.Domain;

namespace Exact.Tests.Worker;

public sealed class MetricOutputTests
{
    [Theory]
    [InlineData("""{"emd_score": 0.7, "emd_std": 0.1}""", 0.7, 0.1)]
    [InlineData("""{"score": -1.5e-3, "std": 0}""", -1.5e-3, 0.0)]
    [InlineData("""{"emd_score": -0.7, "emd_std": null}""", -0.7, null)]
    [InlineData("loading…\n{\"epoch\": 1}\n{\"emd_score\": 1}\nbye", 1.0, null)]
    [InlineData("{\n  \"emd_score\": 0.25,\n  \"emd_std\": 0.5\n}\n", 0.25, 0.5)]
    [InlineData("EMD Mean: 0.7\nEMD Std: 0.1\n", 0.7, 0.1)]
    [InlineData("INFO emd mean : -7.5E-2\r\nIMA Mean: 9\r\nEMD Std: 1e-3\r\n", -7.5e-2, 1e-3)]
    [InlineData("EMD Mean: 0.1\nEMD Std: 0.1\nEMD Mean: 0.7\n", 0.7, null)]
    public void A_result_is_read_from_JSON_or_from_legacy_lines(string output, double score, double? std) =>
        Assert.Equal((score, std), Read(output));

    [Theory]
    [InlineData("""{"emd_score": NaN}""", "must be a finite number, not NaN")]
    [InlineData("""{"emd_score": -Infinity, "emd_std": 1}""", "must be a finite number, not -Infinity")]
    [InlineData("""{"emd_score": 1e999}""", "must be a finite number, not 1e999")]
    [InlineData("""{"emd_score": "0.7"}""", "must be a finite number, not 0.7")]
    [InlineData("""{"emd_score": 0.7, "emd_std": NaN}""", "The std of the metric emd must be a finite number")]
    [InlineData("""{"emd_score": 0.7, "emd_std": -1}""", "must not be negative, but is -1")]
    [InlineData("EMD Mean: nan", "must be a finite number, not nan")]
    [InlineData("EMD Mean: 0.7\nEMD Std: inf", "must be a finite number, not inf")]
    [InlineData("""{"ima_score": 0.7}""", "printed no result")]
    [InlineData("IMA Mean: 0.7", "printed no result")]
    [InlineData("Segmentation fault", "printed no result")]
    [InlineData("", "printed no result")]
    public void What_is_no_finite_number_is_an_error_that_says_so(string output, string message) =>
        Assert.Contains(message, Assert.Throws<NoResultException>(() => Read(output)).Message);

    [Fact]
    public void One_command_may_measure_both_metrics()
    {
        Assert.True(MetricCommand.TryParse("emd,ima=run --all a=b", out var both));
        const string Output = """{"emd_score": 1, "ima_score": 2, "score": 3}""";

        Assert.Equal("run --all a=b", both.Command);
        Assert.Equal(1, MetricOutput.Read(Output, both, Metric.Emd).Score);
        Assert.Equal(2, MetricOutput.Read(Output, both, Metric.Ima).Score);
    }

    [Theory]
    [InlineData("emd")]
    [InlineData("=run")]
    [InlineData("emd=")]
    [InlineData("rmse=run")]
    [InlineData("emd,emd=run")]
    public void A_metric_needs_a_known_name_and_a_command(string text) =>
        Assert.False(MetricCommand.TryParse(text, out _));

    private static (double Score, double? Std) Read(string output) =>
        MetricOutput.Read(output, new([Metric.Emd], "run"), Metric.Emd);
}
