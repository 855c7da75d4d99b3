using System.Net.Sockets;
using System.Reflection;
using Exact.Api.Startup;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.Extensions.Configuration;

namespace Exact.Tests.Startup;

/// <summary>A wrong setting is named with its value and with what it accepts.</summary>
public sealed class SettingsTests
{
    private static readonly Type[] Sections =
    [
        .. new[] { typeof(Program).Assembly, typeof(MigrationOptions).Assembly }
            .SelectMany(assembly => assembly.GetTypes())
            .Where(type => type.IsDefined(typeof(SectionAttribute))),
    ];

    private static readonly Dictionary<Type, string[]> Wrong = new()
    {
        [typeof(TimeSpan)] = ["abc", "30", "10:30", "24:00:00", "-00:00:01", "00:30:00 ms", "a\nb"],
        [typeof(int)] = ["abc", "-1", "1.5", "99999999999999999999", "20 per second"],
        [typeof(long)] = ["abc", "-1", "10GB", "1e9", "99999999999999999999"],
        [typeof(bool)] = ["abc", "yes", "1"],
        [typeof(Enum)] = ["abc", "7", "0", "Apply,Check"],
        [typeof(string)] = [],
    };

    /// <summary>Strings each have a rule of their own.</summary>
    private static readonly Dictionary<string, string> WrongStrings = new()
    {
        ["Transfers:SpoolFolder"] = "/nowhere/at/all",
        ["Transfers:Django"] = "db",
        ["Backups:Schedule"] = "every night",
        ["Backups:Folder"] = "/nowhere/at/all",
        ["Backups:Keep"] = "all",
        ["Backups:Webhook"] = "hooks.example.org",
        ["Files:S3:ServiceUrl"] = "s3.example.org",
    };

    public static TheoryData<string, string> WrongValues
    {
        get
        {
            var values = new TheoryData<string, string>();
            foreach (var (name, property) in Properties())
            {
                var type = property.PropertyType.IsEnum ? typeof(Enum) : property.PropertyType;
                foreach (var value in Wrong[type].Concat(WrongStrings.Where(w => w.Key == name).Select(w => w.Value)))
                {
                    values.Add(name, value);
                }
            }

            return values;
        }
    }

    public static TheoryData<string, string, string> WrongHostSettings =>
        new()
        {
            { "urls", "nonsense", "http://0.0.0.0:8000" },
            { "urls", "http://localhost:99999", "http://0.0.0.0:8000" },
            { "urls", "ftp://localhost", "http://0.0.0.0:8000" },
            { "urls", "http://localhost:5000,http://localhost:5001", "semicolons" },
            { "Kestrel:Endpoints:Public:Url", "localhost:8000", "http://0.0.0.0:8000" },
            { "HTTP_PORTS", "eighty", "8000" },
            { "HTTPS_PORTS", "70000", "8000" },
            { "Logging:LogLevel:Default", "Loud", "Trace, Debug" },
            { "Logging:Console:LogLevel:Default", "Verbose", "Trace, Debug" },
            { "Kestrel:EndpointDefaults:Protocols", "Http7", "Http1" },
            { "Kestrel:Certificates:Default:Path", "/nowhere", "existing file" },
            { "Kestrel:Endpoints:Public:Certificate:KeyPath", "/nowhere", "existing file" },
            { "OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "http://collector:4317" },
        };

    [Theory]
    [MemberData(nameof(WrongValues))]
    public void A_wrong_value_is_refused_in_one_line_that_says_what_the_setting_accepts(string setting, string value)
    {
        var refusal = Assert.Throws<SettingException>(() => Read(setting, value)).Message;

        Assert.StartsWith($"{setting} ", refusal);
        Assert.Contains("must be ", refusal);
        Assert.Matches("such as |one of |true or false", refusal);
        Assert.EndsWith($" (In the environment: {setting.Replace(":", "__")}.)", refusal);
        Assert.DoesNotContain('\n', refusal);
        Assert.Equal(
            !WrongStrings.ContainsKey(setting), // a string may be a secret
            refusal.Contains($"\"{value.Replace('\n', ' ')}\"", StringComparison.Ordinal)
        );
    }

    [Fact]
    public void Every_option_has_its_wrong_values_and_keeps_its_default_when_the_value_is_empty()
    {
        Assert.Equal(8, Sections.Length);
        foreach (var (name, property) in Properties())
        {
            var preset = property.GetValue(Activator.CreateInstance(property.DeclaringType!));

            Assert.Equal(preset, property.GetValue(Read(name, " ")));
            Assert.Equal(preset, preset is null ? null : property.GetValue(Read(name, $"{preset}")));
        }
    }

    [Fact]
    public async Task The_page_of_the_settings_has_each_one()
    {
        var page = await File.ReadAllTextAsync(
            Path.Combine(Checkout.Repository, "docs", "settings.md"),
            TestContext.Current.CancellationToken
        );

        Assert.All(
            Properties().Select(property => property.Name),
            name => Assert.True(page.Contains($"`{name}`") || page.Contains($" `{name.Split(':')[^1]}`"), name)
        );
    }

    [Theory]
    [InlineData("00:00:01", "00:00:01")]
    [InlineData("1.00:00:00", "1.00:00:00")]
    [InlineData(" 23:59:59.5 ", "23:59:59.5")]
    public void A_duration_may_have_days_and_fractions(string value, string same)
    {
        var read = (MigrationOptions)Read("Migrations:LockWait", value);

        Assert.Equal(TimeSpan.Parse(same), read.LockWait);
    }

    [Theory]
    [InlineData("Migrations:LockWiat", "Did you mean Migrations:LockWait?")]
    [InlineData("Requests:Nonsense", "Requests has PerAddress, StopDelay.")]
    [InlineData("Migrations:LockWait:Seconds", "must be a single value")]
    [InlineData("Files:S3:Buckett", "Did you mean Files:S3:Bucket?")]
    [InlineData("Files:S3", "must be a section")]
    [InlineData("Files:S3:AccessKey", "Files:S3:SecretKey must be set")]
    [InlineData("Files:S3:Bucket", "Files:S3:Region must be set, such as eu-central-1")]
    public void A_name_that_no_setting_has_is_refused(string setting, string advice)
    {
        Assert.Contains(advice, Assert.Throws<SettingException>(() => Read(setting, "1")).Message);
    }

    [Theory]
    [MemberData(nameof(WrongHostSettings))]
    public void So_is_a_wrong_value_of_a_setting_that_the_framework_reads(string setting, string value, string allowed)
    {
        var refusal = Assert.Throws<SettingException>(() => HostSettings.Check(Configuration(setting, value))).Message;

        Assert.StartsWith($"{setting} is \"{value[..Math.Min(value.Length, 40)]}", refusal);
        Assert.Contains(allowed, refusal);
    }

    [Theory]
    [InlineData("urls", "http://+:80;https://*;http://[::1]:5000;http://unix:/run/exact.sock;http://localhost:0/base")]
    [InlineData("HTTP_PORTS", "8000;8001")]
    [InlineData("Logging:LogLevel:Microsoft", "warning")]
    [InlineData("Kestrel:EndpointDefaults:Protocols", "Http1AndHttp2")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector:4318/v1/traces")]
    public void What_the_framework_accepts_is_accepted(string setting, string value) =>
        HostSettings.Check(Configuration(setting, value));

    [Theory]
    [InlineData("Migrations__LockWait", "abc", "Migrations:LockWait is \"abc\", but must be a duration")]
    [InlineData(
        "Requests__PerAddress",
        "0",
        "Requests:PerAddress is \"0\", but must be a whole number from 1 to 10000"
    )]
    [InlineData("ASPNETCORE_URLS", "nonsense", "URLS is \"nonsense\", but must be a list of addresses")]
    [InlineData("Logging__LogLevel__Default", "Loud", "Logging:LogLevel:Default is \"Loud\", but must be one of")]
    [InlineData("Logging__Console__MaxQueueLength", "many", "The setting MaxQueueLength is \"many\"")]
    public async Task A_wrong_setting_ends_the_process_with_one_line(string setting, string value, string line)
    {
        var settings = new Dictionary<string, string> { [setting] = value };
        await using var service = ExactProcess.Serve("Host=127.0.0.1;Port=1", settings);

        Assert.Equal(1, await service.WaitForExitAsync());
        Assert.Contains(
            $"Exact ends: {line}",
            Assert.Single(service.Log.Split('\n')),
            StringComparison.OrdinalIgnoreCase
        );
    }

    [Theory]
    [InlineData("status --check --Files:Folder /x --json", "--Files:Folder=/x", "status --check --json")]
    [InlineData("import a --skip --Files:Folder=/x b:c", "--Files:Folder=/x", "import a --skip b:c")]
    [InlineData("import --mode:fail a", "--mode:fail=a", "import --mode:fail a")] // the library takes a colon for a space
    [InlineData("import --mode:fail --Files:Folder=/x a", "--Files:Folder=/x", "import --mode:fail a")]
    [InlineData("backup --verify --Backups:Folder", "", "backup --verify")]
    [InlineData("--urls http://a --Admin:Key x", "--urls http://a --Admin:Key x", "--urls http://a")]
    [InlineData("--Admin:Key x migrate", "--Admin:Key x migrate", "migrate")]
    public void A_flag_of_a_command_does_not_take_a_setting_for_its_value(
        string arguments,
        string settings,
        string command
    )
    {
        Assert.Equal(
            settings.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            HostSettings.SettingsOf(arguments.Split(' '))
        );
        Assert.Equal(command.Split(' '), HostSettings.CommandOf(arguments.Split(' '), name => name is "--mode"));
    }

    [Theory]
    [InlineData("{ \"Logging\":\n", "Its line 2 is not valid JSON. Correct the file.")]
    [InlineData("{ \"Requests\": { \"PerAddress\": [20] } }", "must be a single value")]
    public void So_does_a_file_of_settings_that_is_wrong(string content, string words)
    {
        var folder = Directory.CreateTempSubdirectory("exact-settings-").FullName;
        File.WriteAllText(Path.Combine(folder, "appsettings.json"), content);
        try
        {
            var failure = Assert.ThrowsAny<Exception>(() =>
                Settings.Read(
                    Activator.CreateInstance(Sections.Single(type => type.Name == "RequestOptions"))!,
                    HostSettings.CreateBuilder([$"--contentRoot={folder}"]).Configuration
                )
            );

            Assert.Contains(words, HostSettings.WhyNot(failure));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void What_the_framework_says_of_an_address_or_a_folder_gets_a_way_out()
    {
        var failure = Assert.ThrowsAny<Exception>(() => HostSettings.CreateBuilder(["--contentRoot=/nowhere"]));

        Assert.StartsWith("--contentRoot is \"/nowhere/\", but must be", HostSettings.WhyNot(failure));
        Assert.Contains("--urls", HostSettings.WhyNot(new SocketException((int)SocketError.AccessDenied)));
        Assert.DoesNotContain('\n', HostSettings.WhyNot(new InvalidOperationException("No certificate.\nSee there.")));
    }

    private static IEnumerable<(string Name, PropertyInfo Property)> Properties() =>
        Sections.SelectMany(type => PropertiesOf(type, type.GetCustomAttribute<SectionAttribute>()!.Name));

    /// <summary>The options of a class, and those of the sections in it.</summary>
    private static IEnumerable<(string Name, PropertyInfo Property)> PropertiesOf(Type type, string section) =>
        from property in type.GetProperties()
        where property.CanWrite
        from option in property.PropertyType is { IsClass: true } inner && inner != typeof(string)
            ? PropertiesOf(inner, $"{section}:{property.Name}")
            : [($"{section}:{property.Name}", property)]
        select option;

    /// <summary>The options that have this setting, after it was read.</summary>
    private static object Read(string setting, string value)
    {
        var names = setting.Split(':');
        var section = Sections.Single(type => type.GetCustomAttribute<SectionAttribute>()!.Name == names[0]);
        var options = Activator.CreateInstance(section)!;
        Settings.Read(options, Configuration(setting, value));
        foreach (var inner in names[1..^1])
        {
            options = section.GetProperty(inner)?.GetValue(options) ?? options;
        }

        return options;
    }

    private static IConfiguration Configuration(string setting, string value) =>
        new ConfigurationBuilder().AddInMemoryCollection([new(setting, value)]).Build();
}
