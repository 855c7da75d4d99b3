using System.Collections.Concurrent;
using System.Text;
using Exact.Tests.Support;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Exact.Tests.Legacy;

/// <summary>A journey through the legacy client's calls in a real browser, on a page of another origin.</summary>
public sealed class LegacyJourneyTests(LegacySite site) : IClassFixture<LegacySite>
{
    private const string Chromium = "/usr/bin/chromium";
    private const string Password = "correct horse 7";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_challenge_is_published_entered_ranked_downloaded_and_deleted_from_another_origin()
    {
        Assert.SkipUnless(File.Exists(Chromium), "needs Debian's chromium");
        await site.OpenAsync(Cancellation);
        SetDefaultExpectTimeout((float)Wait.Limit.TotalMilliseconds);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium });
        var page = await browser.NewPageAsync(
            new()
            {
                ViewportSize = new() { Width = 960, Height = 900 },
            }
        );
        var errors = new ConcurrentQueue<string>();
        page.Console += (_, message) =>
            errors.Enqueue(message.Type is "error" ? $"{message.Location} {message.Text}" : "");
        page.PageError += (_, error) => errors.Enqueue(error);

        await page.GotoAsync(site.Page);
        await ShowsAsync("#user", "anonymous");
        await page.FillAsync("#register [name=username]", "ada");
        await page.FillAsync("#register [name=email]", "ada@example.org");
        await page.FillAsync("#register [name=password]", Password);
        await page.ClickAsync("#register button");
        await ShowsAsync("#message", "Registered");
        await ShowsAsync("#user", "ada <ada@example.org>");
        await page.ClickAsync("#logout");
        await ShowsAsync("#user", "anonymous");
        await page.FillAsync("#login [name=username]", "ada");
        await page.FillAsync("#login [name=password]", Password);
        await page.ClickAsync("#login button");
        await ShowsAsync("#message", "Signed in");
        await page.ReloadAsync();
        await ShowsAsync("#user", "ada <ada@example.org>");

        await page.FillAsync("#create [name=title]", "Tetris saliency");
        await page.FillAsync("#create [name=description]", "Explain the next move.");
        foreach (var (field, file) in new[] { ("dataset", "d.csv"), ("mlmodel", "m.pkl"), ("xai_method", "x.py") })
        {
            await page.SetInputFilesAsync($"#create [name={field}]", Sent(file));
        }

        await page.ClickAsync("#create button");
        await ShowsAsync("#message", "Created");
        await ShowsAsync("#challenges li", "Tetris saliency by ada, 0 participants");
        await page.ClickAsync("#challenges a");
        await ShowsAsync("#description", "Explain the next move.");
        await ShowsAsync("#metadata", "by ada, closes never, 0 participants");

        var download = await page.RunAndWaitForDownloadAsync(() => page.ClickAsync("#dataset"));
        Assert.Equal("dataset_file.csv", download.SuggestedFilename);
        Assert.Equal("content of d.csv", await File.ReadAllTextAsync(await download.PathAsync(), Cancellation));

        await page.FillAsync("#submit [name=method_name]", "Gradients");
        await page.SetInputFilesAsync("#submit [name=file]", Sent("method.py"));
        await page.ClickAsync("#submit button");
        using var worker = site.CreateAdmin();
        await worker.EvaluateAsync(
            "complete",
            """{"emd_score": 0.75, "emd_std": 0.05, "ima_score": 0.5, "ima_std": 0.1}"""
        );
        await ShowsAsync("#message", "Scored 0.75");
        await Expect(page.Locator("#leaderboard td"))
            .ToContainTextAsync(["1", "ada", "Gradients", "0.75 ± 0.05", "0.5 ± 0.1", "/", "completed"]);
        await page.ScreenshotAsync(new() { Path = Path.Combine(AppContext.BaseDirectory, "journey.png") });

        await page.ClickAsync("#delete");
        await ShowsAsync("#message", "Deleted");
        await Expect(page.Locator("#challenges li")).ToHaveCountAsync(0);
        await page.RunAndWaitForResponseAsync(
            () => page.ClickAsync("#logout"),
            response => response.Url.EndsWith("/logout", StringComparison.Ordinal) && response.Request.Method == "POST"
        );
        await page.ReloadAsync();
        await ShowsAsync("#user", "anonymous");

        // Chromium reports every 4xx; the client asks who it is before anybody has signed in.
        var unexpected = errors.Where(error => error.Length > 0 && !error.StartsWith($"{site.Api}/user:0:0 "));
        Assert.Empty(unexpected);

        Task ShowsAsync(string selector, string text) => Expect(page.Locator(selector)).ToHaveTextAsync(text);
    }

    private static FilePayload Sent(string name) =>
        new()
        {
            Name = name,
            MimeType = "text/plain",
            Buffer = Encoding.UTF8.GetBytes($"content of {name}"),
        };
}
