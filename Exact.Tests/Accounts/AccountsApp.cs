using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Infrastructure.Accounts;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Exact.Tests.Accounts;

/// <summary>An <see cref="ExactApp"/> with people, a clock that can be put forward, and a log of everything.</summary>
public class AccountsApp : ExactApp
{
    public const string Password = "correct horse 7";
    public const string Friend = "https://friend.example";

    private int people;

    public ShiftedTime Time { get; } = new();

    internal FullLog Log { get; } = new();

    internal CountingHashes Hashes { get; } = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A name that nobody has yet.</summary>
    public string NewName() => $"person{Interlocked.Increment(ref people)}";

    public static object Registration(string name) =>
        new
        {
            username = name,
            password = Password,
            email = $"{name}@example.org",
        };

    /// <summary>Registers somebody.</summary>
    public async Task<string> RegisterAsync(bool isStaff = false)
    {
        var name = NewName();
        using var client = CreateClient();
        using var answer = await client.PostAsJsonAsync("/api/account/register", Registration(name), Cancellation);
        answer.EnsureSuccessStatusCode();
        if (isStaff)
        {
            await Database.ExecuteAsync($"UPDATE users SET is_staff = true WHERE username = '{name}'");
        }

        return name;
    }

    /// <summary>A browser in which this person has signed in.</summary>
    public async Task<HttpClient> SignInAsync(string name, string password = Password)
    {
        var browser = CreateClient();
        using var answer = await browser.PostAsJsonAsync(
            "/api/account/login",
            new { username = name, password },
            Cancellation
        );
        answer.EnsureSuccessStatusCode();
        return browser;
    }

    /// <summary>The cookie of a new session.</summary>
    public async Task<string> CookieAsync(string name)
    {
        using var client = CreateClient();
        using var answer = await client.PostAsJsonAsync(
            "/api/account/login",
            new { username = name, password = Password },
            Cancellation
        );
        return answer.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
    }

    /// <summary>Makes a token and returns its id and secret.</summary>
    public static async Task<(long Id, string Secret)> CreateTokenAsync(
        HttpClient browser,
        string[] scopes,
        DateTimeOffset? expiresAt = null
    )
    {
        using var answer = await browser.PostAsJsonAsync(
            "/api/account/tokens",
            new
            {
                name = "laptop",
                scopes,
                expires_at = expiresAt,
            },
            Cancellation
        );
        answer.EnsureSuccessStatusCode();
        var token = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        return (token.GetProperty("id").GetInt64(), token.GetProperty("token").GetString()!);
    }

    /// <summary>A program that sends this token.</summary>
    public HttpClient CreateProgram(string secret)
    {
        var client = CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        return client;
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.UseSetting("Cors:Origins", Friend);
        builder.UseSetting("Transfers:Django", "Host=127.0.0.1;Port=1;Database=django;Username=reader;Timeout=1");
        builder.UseSetting("Logging:LogLevel:Default", "Debug");
        builder.UseSetting("Logging:LogLevel:Microsoft.AspNetCore", "Debug");
        builder.UseSetting("Logging:LogLevel:Microsoft.EntityFrameworkCore", "Debug");
        builder.ConfigureLogging(logging => logging.ClearProviders().AddProvider(Log));
        builder.ConfigureTestServices(services =>
            services.AddSingleton<TimeProvider>(Time).AddSingleton<IPasswordHasher<User>>(Hashes)
        );
    }

    public sealed class ShiftedTime : TimeProvider
    {
        private TimeSpan ahead;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + ahead;

        public void Advance(TimeSpan by) => ahead += by;
    }

    /// <summary>The product's hashes; it adds up the iterations of all verifications.</summary>
    internal sealed class CountingHashes : IPasswordHasher<User>
    {
        private readonly PasswordHashes hashes = new();
        private int cost;

        public int Cost => cost;

        public string HashPassword(User user, string password) => hashes.HashPassword(user, password);

        public PasswordVerificationResult VerifyHashedPassword(
            User user,
            string hashedPassword,
            string providedPassword
        )
        {
            Interlocked.Add(ref cost, PasswordHashes.CostOf(hashedPassword));
            return hashes.VerifyHashedPassword(user, hashedPassword, providedPassword);
        }
    }

    /// <summary>Everything that is logged, from Debug on.</summary>
    internal sealed class FullLog : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<string> lines = new();

        public string Text => string.Join('\n', lines);

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose() { }
    }
}
