using System.Diagnostics;

namespace Exact.Tests.Support;

/// <summary>A copy of the repository's scripts in a folder of its own, where they may write what they like.</summary>
internal sealed class Checkout : IDisposable
{
    private static readonly string[] Parts = ["scripts", "deploy", "backups", "samples"];

    private readonly TestDatabase database;
    private readonly Dictionary<string, string> environment = [];

    public Checkout(TestDatabase database)
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "needs bash");
        this.database = database;
        Folder = Directory.CreateTempSubdirectory("exact-checkout-").FullName;
        foreach (var part in Parts)
        {
            Copy(Path.Combine(Repository, part), Path.Combine(Folder, part));
        }

        foreach (var script in Directory.EnumerateFiles(Repository).Where(IsScript))
        {
            File.Copy(script, PathOf(Path.GetFileName(script)));
        }

        this["EXACT"] = Program;
    }

    /// <summary>Where the sources of this test are.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>The command that runs Exact.</summary>
    public static string Program { get; } = $"dotnet {ExactProcess.Program}";

    public string Folder { get; }

    /// <summary>The environment of the scripts.</summary>
    public string this[string variable]
    {
        set => environment[variable] = value;
    }

    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Puts a program before those of the system, for the scripts to find.</summary>
    public void PutFirst(string name, string script)
    {
        Directory.CreateDirectory(PathOf("bin"));
        File.WriteAllText(PathOf($"bin/{name}"), $"#!/usr/bin/env bash\n{script}");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(PathOf($"bin/{name}"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        this["PATH"] = $"{PathOf("bin")}:{Environment.GetEnvironmentVariable("PATH")}";
    }

    /// <summary>Lets the scripts find an engine, in whose container the real program runs.</summary>
    public void PutEngineFirst()
    {
        this["EXACT"] = "";
        this["EXACT_PROGRAM"] = Program;
        this["ENGINE_LOG"] = PathOf("engine.log");
        PutFirst(
            "docker",
            """
            echo "$*" >>"$ENGINE_LOG"
            replicas=$ENGINE_LOG.replicas
            [ -e "$replicas" ] || printf '%s\n' ${REPLICAS:-container} >"$replicas"
            case "$*" in
                "compose exec -T api dotnet Exact.Api.dll "*)
                    [ -z "${CRASHING:-}" ] || exit 137
                    shift 6
                    exec $EXACT_PROGRAM "$@" ;;
                "compose exec api dotnet Exact.Api.dll "*) shift 5; exec $EXACT_PROGRAM "$@" ;;
                "compose ps --all --quiet") [ -z "${OTHER_CLONE:-}" ] || echo container ;;
                "inspect --format {{index "*) echo "$OTHER_CLONE" ;;
                "compose ps --quiet --status "* | "compose ps --all --quiet api") cat "$replicas" ;;
                "compose config --services") printf 'api\npostgres\n' ;;
                "compose config api")
                    echo "    scale: ${SCALE:-$(wc -w <<<"${REPLICAS:-container}")}"
                    [ -z "${PORTS-8000-8003}" ] || echo "        published: \"${PORTS-8000-8003}\"" ;;
                "compose up "*" --scale api="*)
                    wanted=$*
                    wanted=${wanted##*=}
                    while [ "$(wc -l <"$replicas")" -lt "${wanted% api}" ]; do echo "new$RANDOM" >>"$replicas"; done
                    [ -z "${BROKEN:-}" ] ;;
                "rm --force "*) sed -i "/^$3\$/d" "$replicas" ;;
                "rm "*) sed -i "/^$2\$/d" "$replicas" ;;
                "inspect --format {{.RestartCount}} "*) echo "${CRASHING:-0}" ;;
                "inspect --format {{.Id}} {{.RestartCount}} "*) echo "container ${CRASHING:-0}" ;;
                "compose logs "*) echo 'Exact ends: the cause' ;;
            esac
            """
        );
    }

    /// <summary>What the scripts asked the engine for.</summary>
    public string[] EngineLog => File.ReadAllLines(PathOf("engine.log"));

    /// <summary>Runs a command line in the checkout and waits for its end.</summary>
    public async Task<(int ExitCode, string Output, string Errors)> RunAsync(string command, string input = "")
    {
        var start = new ProcessStartInfo("/bin/bash", ["-c", command])
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";
        ExactProcess.MakeShort(start);
        start.Environment["ConnectionStrings__Exact"] = database.ConnectionString;
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await errors);
    }

    /// <summary>Runs a command line that has to succeed.</summary>
    public async Task<(string Output, string Errors)> SucceedAsync(string command, string input = "")
    {
        var (exitCode, output, errors) = await RunAsync(command, input);
        Assert.True(exitCode == 0, $"{command} ended with {exitCode}:\n{errors}");
        return (output, errors);
    }

    /// <summary>Runs a command line that has to fail with this code, and returns what it says.</summary>
    public async Task<string> FailAsync(string command, int code = 1, string input = "")
    {
        var (exitCode, _, errors) = await RunAsync(command, input);
        Assert.True(exitCode == code, $"{command} ended with {exitCode}:\n{errors}");
        return errors;
    }

    /// <summary>The permissions of a file or folder, such as 600.</summary>
    public async Task<string> ModeOfAsync(string name) =>
        (await SucceedAsync($"stat --format %a {PathOf(name)}")).Output.Trim();

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static bool IsScript(string file) => Path.GetExtension(file) is ".sh" or ".bat";

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
        {
            // What a developer's own deployment has written stays with the developer.
            if (Path.GetExtension(file) is ".sh" or ".bat" or ".md" or ".service" or ".env" || from.EndsWith("samples"))
            {
                File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
            }
        }

        foreach (var folder in Directory.EnumerateDirectories(from))
        {
            Copy(folder, Path.Combine(to, Path.GetFileName(folder)));
        }
    }

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Exact.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests run outside of the repository.");
        }

        return folder.FullName;
    }
}
