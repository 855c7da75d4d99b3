using System.Diagnostics;
using Exact.Tests.Support;
using k8s;
using k8s.Models;

namespace Exact.Tests.Scripts;

/// <summary>The manifests in deploy/kubernetes: every key is known, they fit each other, and they fit the program.</summary>
public sealed class KubernetesTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly string Folder = Path.Combine(Checkout.Repository, "deploy", "kubernetes");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Manifests() =>
        [
            .. Directory
                .EnumerateFiles(Folder, "*.yaml", SearchOption.AllDirectories)
                .Where(file => Path.GetFileName(file) != "kustomization.yaml")
                .Select(file => Path.GetRelativePath(Folder, file)),
        ];

    [Theory]
    [MemberData(nameof(Manifests))]
    public void Every_key_of_a_manifest_is_one_of_Kubernetes(string manifest)
    {
        var text = File.ReadAllText(Path.Combine(Folder, manifest));

        Assert.NotEmpty(KubernetesYaml.LoadAllFromString(text, strict: true));
    }

    [Theory]
    [InlineData("maxUnavailable")]
    [InlineData("fsGroupChangePolicy")]
    [InlineData("whenUnsatisfiable")]
    [InlineData("readOnlyRootFilesystem")]
    [InlineData("containerPort")]
    [InlineData("failureThreshold")]
    [InlineData("mountPath")]
    [InlineData("claimName")]
    [InlineData("sizeLimit")]
    public void A_key_that_is_misspelt_is_noticed(string key)
    {
        var text = File.ReadAllText(Path.Combine(Folder, "base", "deployment.yaml"));
        Assert.Contains($"{key}:", text);

        var misspelt = text.Replace($"{key}:", $"{key}s:", StringComparison.Ordinal);

        Assert.ThrowsAny<Exception>(() => KubernetesYaml.LoadAllFromString(misspelt, strict: true));
    }

    [Theory]
    [InlineData("base", 6)]
    [InlineData("migrate-job", 7)]
    public async Task Kustomize_builds_both_variants_from_all_manifests_with_one_image(string variant, int objects)
    {
        var built = KubernetesYaml.LoadAllFromString(await BuildAsync(variant), strict: true);

        Assert.Equal(objects, built.Count);
        var deployment = Assert.Single(built.OfType<V1Deployment>()).Spec;
        var pod = deployment.Template.Spec;
        var images = pod.Containers.Concat(built.OfType<V1Job>().SelectMany(job => job.Spec.Template.Spec.Containers));
        Assert.Single(images.Select(container => container.Image).Distinct());
        Assert.Equal(
            variant is "base" ? null : "Check",
            pod.Containers[0].Env.SingleOrDefault(one => one.Name == "Migrations__OnStartup")?.Value
        );
        // What one object says of another is true.
        var service = Assert.Single(built.OfType<V1Service>()).Spec;
        var disruption = Assert.Single(built.OfType<V1PodDisruptionBudget>()).Spec;
        Assert.Equal(deployment.Template.Metadata.Labels, service.Selector);
        Assert.Equal(deployment.Template.Metadata.Labels, disruption.Selector.MatchLabels);
        Assert.Equal(service.Ports[0].TargetPort.Value, pod.Containers[0].Ports[0].Name);
        var secret = Assert.Single(built.OfType<V1Secret>());
        Assert.Equal(secret.Metadata.Name, pod.Volumes[0].Secret.SecretName);
        var mount = pod.Containers[0].VolumeMounts.Single(one => one.Name == pod.Volumes[0].Name).MountPath;
        Assert.All(
            pod.Containers[0].Env.Where(one => one.Name.EndsWith("File", StringComparison.Ordinal)),
            one => Assert.Contains(one.Value[$"{mount}/".Length..], secret.StringData.Keys)
        );
        Assert.All(
            built.OfType<V1Job>().Select(job => job.Spec.Template.Spec).Append(pod),
            one =>
                Assert.True(
                    one.SecurityContext.RunAsNonRoot is true
                        && one.Containers[0].SecurityContext.ReadOnlyRootFilesystem is true
                )
        );
    }

    [Fact]
    public async Task The_program_starts_with_the_environment_of_the_deployment_and_answers_its_probes()
    {
        var text = await File.ReadAllTextAsync(Path.Combine(Folder, "base", "deployment.yaml"), Cancellation);
        var container = KubernetesYaml.Deserialize<V1Deployment>(text, strict: true).Spec.Template.Spec.Containers[0];
        var folder = Directory.CreateTempSubdirectory("exact-kubernetes-").FullName;
        var settings = container.Env.ToDictionary(one => one.Name, one => one.Value);
        foreach (var (name, value) in settings.Where(one => one.Value.StartsWith('/')).ToList())
        {
            settings[name] = $"{folder}{value}"; // as if the pod's file system began there
            Directory.CreateDirectory(Path.GetDirectoryName(settings[name])!);
        }

        Directory.CreateDirectory(settings["Transfers__SpoolFolder"]);
        await File.WriteAllTextAsync(settings["Database__PasswordFile"], "not asked for", Cancellation);
        await File.WriteAllTextAsync(settings["Admin__KeyFile"], ExactApp.AdminKey, Cancellation);
        settings["ConnectionStrings__Exact"] = database.ConnectionString;
        settings["Admin__Key"] = "";

        await using var pod = ExactProcess.Serve(database.ConnectionString, settings);
        await pod.WaitUntilReadyAsync();

        Assert.All(
            new[] { container.StartupProbe, container.LivenessProbe, container.ReadinessProbe },
            probe => Assert.Equal(System.Net.HttpStatusCode.OK, pod.StatusOfAsync(probe.HttpGet.Path).Result)
        );
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void The_account_and_the_port_are_those_of_the_image_and_a_pod_has_the_time_to_end()
    {
        var text = File.ReadAllText(Path.Combine(Folder, "base", "deployment.yaml"));
        var pod = KubernetesYaml.Deserialize<V1Deployment>(text, strict: true).Spec.Template.Spec;
        var image = File.ReadAllText(Path.Combine(Checkout.Repository, "Dockerfile"));

        Assert.Equal(1654, pod.SecurityContext.RunAsUser); // APP_UID of the .NET images
        Assert.Contains("USER $APP_UID", image);
        Assert.Contains($"ASPNETCORE_HTTP_PORTS={pod.Containers[0].Ports[0].ContainerPort}\n", image);
        // The pause, and the 30 seconds that the service gives what runs.
        Assert.True(pod.TerminationGracePeriodSeconds >= pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds + 35);
    }

    [Fact]
    public async Task The_job_migrates_the_database_of_the_base_with_the_image_of_the_base()
    {
        var folder = Directory.CreateTempSubdirectory("exact-kubernetes-").FullName;
        foreach (var file in Directory.EnumerateFiles(Folder, "*.yaml", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(folder, Path.GetRelativePath(Folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            var text = await File.ReadAllTextAsync(file, Cancellation);
            var isBase = Path.GetFileName(Path.GetDirectoryName(file)) is "base"; // what docs/kubernetes.md says to edit
            await File.WriteAllTextAsync(
                copy,
                isBase ? text.Replace("registry.example.org", "ours").Replace("postgres-a", "elsewhere") : text,
                Cancellation
            );
        }

        var built = KubernetesYaml.LoadAllFromString(await BuildAsync("migrate-job", folder), strict: true);
        Directory.Delete(folder, recursive: true);

        var job = Assert.Single(built.OfType<V1Job>()).Spec.Template.Spec.Containers[0];
        var service = Assert.Single(built.OfType<V1Deployment>()).Spec.Template.Spec.Containers[0];
        Assert.Equal("ours/exact:1.0.0", job.Image);
        Assert.Equal(service.Image, job.Image);
        Assert.StartsWith("Host=elsewhere,", DatabaseOf(job), StringComparison.Ordinal);
        Assert.Equal(DatabaseOf(service), DatabaseOf(job));

        static string DatabaseOf(V1Container container) =>
            container.Env.Single(one => one.Name == "ConnectionStrings__Exact").Value;
    }

    private static async Task<string> BuildAsync(string variant, string? folder = null)
    {
        Assert.SkipUnless(
            Environment
                .GetEnvironmentVariable("PATH")!
                .Split(':')
                .Any(one => File.Exists(Path.Combine(one, "kubectl"))),
            "There is no kubectl."
        );
        var start = new ProcessStartInfo("kubectl", ["kustomize", Path.Combine(folder ?? Folder, variant)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
        return output;
    }
}
