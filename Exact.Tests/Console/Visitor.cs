using System.Collections.Concurrent;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Exact.Tests.Support;
using Microsoft.Playwright;

namespace Exact.Tests.AdminConsole;

/// <summary>
/// Somebody at a browser. At the end, nothing may stand in the browser's console, and nothing may have been asked from
/// elsewhere.
/// </summary>
public sealed class Visitor
{
    private static readonly int[] Widths = [1280, 320];

    /// <summary>All that another scheme can change.</summary>
    private static readonly AxeRunOptions Colours = new() { RunOnly = RunOnlyOptions.Rules("color-contrast") };

    /// <summary>What has neither border nor outline, where the browser ignores the backgrounds of a page.</summary>
    private const string Unmarked = """
        () => [...document.querySelectorAll('.advice, .note, .tag, button, .button, input, select, [aria-current]')]
            .filter(it => it.checkVisibility() && !['radio', 'checkbox', 'file'].includes(it.type))
            .filter(it => {
                const { borderTopWidth, borderTopStyle, borderTopColor, outlineStyle } = getComputedStyle(it);
                const bordered = borderTopWidth !== '0px' && borderTopStyle !== 'none' && !/^rgba.*, 0\)$/.test(borderTopColor);
                return !bordered && outlineStyle === 'none';
            })
            .map(it => it.outerHTML)
        """;

    private readonly IBrowserContext context;
    private readonly ConcurrentQueue<string> messages = new();
    private readonly ConcurrentQueue<string> foreign = new();
    private readonly List<string> expected = [];
    private ICDPSession? protocol;

    internal Visitor(IBrowserContext context, IPage page, string address)
    {
        this.context = context;
        Page = page;
        page.Console += (_, message) => messages.Enqueue(message.Text);
        page.PageError += (_, error) => messages.Enqueue(error);
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith($"{address}/", StringComparison.Ordinal))
            {
                foreign.Enqueue(request.Url);
            }
        };
    }

    public IPage Page { get; }

    public ILocator Main => Page.Locator("main");

    /// <summary>Where pictures of the pages go: the folder that <c>EXACT_SCREENSHOTS</c> names, or nowhere.</summary>
    private static string? Folder => Environment.GetEnvironmentVariable("EXACT_SCREENSHOTS");

    /// <summary>Chromium reports a page whose status is not a success.</summary>
    public void Expect(int status) => expected.Add($"the server responded with a status of {status} ");

    /// <summary>Chromium reports a request that got no answer.</summary>
    public void ExpectLoss() => expected.Add("net::ERR_FAILED");

    public async Task SignInAsync(string page = "/admin", string key = ExactApp.AdminKey)
    {
        Expect(401);
        await Page.GotoAsync(page);
        await Page.GetByLabel("Admin key").FillAsync(key);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign in with the key" }).ClickAsync();
    }

    public Task ClickAsync(string button) =>
        Page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

    public Task FollowAsync(string link) =>
        Page.GetByRole(AriaRole.Link, new() { Name = link, Exact = true }).First.ClickAsync();

    /// <summary>Goes on with the tabulator to what has this label or text; on the way, one sees where one is.</summary>
    public async Task ReachAsync(string name)
    {
        const string Focused = """
            () => {
                const it = document.activeElement, style = getComputedStyle(it);
                if (it === document.body) return '';
                const text = (it.labels?.[0] ?? it).innerText.trim().split('\n')[0];
                return style.outlineStyle === 'none' || style.outlineWidth === '0px' ? `${text} (not to be seen)` : text;
            }
            """;
        var passed = new List<string>();
        do
        {
            Assert.True(passed.Count < 100, $"\"{name}\" cannot be reached by keyboard: {string.Join(", ", passed)}");
            await Page.Keyboard.PressAsync("Tab");
            passed.Add(await Page.EvaluateAsync<string>(Focused));
        } while (passed[^1] != name);
        Assert.DoesNotContain(passed, one => one.EndsWith("(not to be seen)", StringComparison.Ordinal));
    }

    /// <summary>Drags a file over a place of the page, or drops it there, as from the desktop.</summary>
    public async Task DragAsync(string type, ILocator place, string file)
    {
        await place.ScrollIntoViewIfNeededAsync();
        var box = (await place.BoundingBoxAsync())!;
        await SendAsync(
            "Input.dispatchDragEvent",
            new()
            {
                ["type"] = type,
                ["x"] = box.X + (box.Width / 2),
                ["y"] = box.Y + (box.Height / 4),
                ["data"] = new
                {
                    items = Array.Empty<object>(),
                    files = new[] { file },
                    dragOperationsMask = 1,
                },
            }
        );
    }

    /// <summary>Lets the browser send only so many bytes a second; -1 is no limit.</summary>
    public async Task LimitUploadsAsync(int bytes) =>
        await SendAsync(
            "Network.emulateNetworkConditions",
            new()
            {
                ["offline"] = false,
                ["latency"] = 0,
                ["downloadThroughput"] = -1,
                ["uploadThroughput"] = bytes,
            }
        );

    /// <summary>
    /// In light, dark and forced colours, wide and narrow, axe must find nothing, nothing may stick out, and nothing may be
    /// told by its background alone.
    /// </summary>
    public async Task LookAsync(string name)
    {
        foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            await Page.EmulateMediaAsync(new() { ColorScheme = scheme });
            foreach (var width in Widths)
            {
                await Page.SetViewportSizeAsync(width, 800);
                await Page.WaitForFunctionAsync("width => document.documentElement.scrollWidth <= width", width);
                await KeepPictureAsync($"{name}-{scheme}-{width}");
            }

            await CheckAsync($"{name} {scheme}", scheme is ColorScheme.Dark ? Colours : new());
        }

        await Page.SetViewportSizeAsync(Widths[0], 800);
        await Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light, ForcedColors = ForcedColors.Active });
        await KeepPictureAsync($"{name}-forced");
        Assert.Empty(await Page.EvaluateAsync<string[]>(Unmarked));
        await CheckAsync($"{name} in forced colours", Colours);
        await Page.EmulateMediaAsync(new() { ForcedColors = ForcedColors.None });
    }

    /// <summary>Takes a picture of the whole page, if pictures are wanted.</summary>
    public async Task KeepPictureAsync(string name)
    {
        if (Folder is { Length: > 0 } folder)
        {
            var file = Path.Combine(folder, $"{name}.png".ToLowerInvariant());
            await Page.ScreenshotAsync(new() { Path = file, FullPage = true });
        }
    }

    /// <summary>Asks axe, which must find nothing.</summary>
    public async Task CheckAsync(string name, AxeRunOptions? options = null)
    {
        var found = await Page.RunAxe(options);
        Assert.True(
            found.Violations.Length == 0,
            $"{name}: {string.Join('\n', found.Violations.Select(one => $"{one.Id}: {one.Help} {one.Nodes[0].Html}"))}"
        );
    }

    /// <summary>Asks Chromium for what Playwright has no word for.</summary>
    private async Task SendAsync(string method, Dictionary<string, object> arguments)
    {
        protocol ??= await context.NewCDPSessionAsync(Page);
        await protocol.SendAsync(method, arguments);
    }

    public async Task LeaveAsync()
    {
        await context.CloseAsync();
        Assert.DoesNotContain(messages, text => !expected.Exists(one => text.Contains(one, StringComparison.Ordinal)));
        Assert.Empty(foreign);
    }
}
