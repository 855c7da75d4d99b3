using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Transfer.Mapping;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure;

/// <summary>Names the section of the configuration from which a class of options is read.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class SectionAttribute(string name) : Attribute
{
    public string Name => name;
}

/// <summary>Reads classes of options, and says of a wrong value which setting it is, and what that accepts.</summary>
/// <remarks>
/// The framework's binder and validators speak of types and members, which an operator does not know. A name that no
/// option has is refused, too: a default would be in force that somebody thinks to have changed.
/// </remarks>
internal static class Settings
{
    private const int MaxShown = 40;

    /// <summary>Adds <see cref="IOptions{TOptions}"/>, which are read once, at the start.</summary>
    public static void AddSettings<T>(this IServiceCollection services)
        where T : class, new()
    {
        services.AddOptions<T>().Configure<IConfiguration>(Read).ValidateOnStart();
        services.AddSingleton(provider =>
            Options.Create(provider.GetRequiredService<IOptionsMonitor<T>>().CurrentValue) // the one that was validated
        );
    }

    /// <summary>Reads the section that the options' class names. An empty value counts as none.</summary>
    /// <exception cref="SettingException">A setting is not valid.</exception>
    public static void Read(object options, IConfiguration configuration)
    {
        var section = options.GetType().GetCustomAttribute<SectionAttribute>()!.Name;
        Read(options, section, configuration.GetSection(section));
        foreach (var wrong in (options as IValidatableObject)?.Validate(new ValidationContext(options)) ?? [])
        {
            throw new SettingException($"{section}:{wrong.MemberNames.First()}", wrong.ErrorMessage!);
        }
    }

    private static void Read(object options, string section, IConfigurationSection configuration)
    {
        var properties = options.GetType().GetProperties().Where(property => property.CanWrite).ToList();
        foreach (var given in configuration.GetChildren())
        {
            var property =
                properties.Find(known => known.Name.Equals(given.Key, StringComparison.OrdinalIgnoreCase))
                ?? throw Unknown(section, given.Key, properties.Select(known => known.Name));
            var setting = $"{section}:{property.Name}";
            if (IsSection(property.PropertyType))
            {
                if (given.Value is { Length: > 0 })
                {
                    throw new SettingException(setting, "must be a section, not a single value.");
                }

                Read(property.GetValue(options)!, setting, given);
                continue;
            }

            if (given.GetChildren().Any())
            {
                throw new SettingException(setting, "must be a single value, not a list or a section.");
            }

            if (given.Value?.Trim() is { Length: > 0 } value)
            {
                property.SetValue(options, Parse(value, property, property.GetValue(options), setting));
            }
        }
    }

    /// <summary>Whether the options have more options in it, such as <c>Files:S3</c>.</summary>
    private static bool IsSection(Type type) => type.IsClass && type != typeof(string);

    /// <summary>A value as it may be shown: on one line, and not too long.</summary>
    public static string Show(string value)
    {
        var line = string.Concat(value.Select(letter => char.IsControl(letter) ? ' ' : letter));
        return line.Length <= MaxShown ? $"\"{line}\"" : $"\"{line.AsSpan(0, MaxShown)}…\"";
    }

    private static object Parse(string value, PropertyInfo property, object? preset, string setting)
    {
        var range = property.GetCustomAttribute<RangeAttribute>();
        return TryParse(value, property.PropertyType) is { } parsed && range?.IsValid(parsed) is not false
            ? parsed
            : throw new SettingException(
                setting,
                $"is {Show(value)}, but must be {Allowed(property.PropertyType, range, preset)}."
            );
    }

    private static object? TryParse(string value, Type type) =>
        type == typeof(string) ? value
        : type.IsEnum
            ? Enum.GetNames(type).Contains(value, StringComparer.OrdinalIgnoreCase)
                    ? Enum.Parse(type, value, ignoreCase: true)
                : null
        : type == typeof(TimeSpan) ? ParseDuration(value)
        : Convert(value, type);

    /// <summary>Refuses "30" and "10:30", which .NET reads as days and hours, and "24:00:00", which it reads as 24 days.</summary>
    private static object? ParseDuration(string value) =>
        value == "0" ? TimeSpan.Zero
        : value.Count(letter => letter == ':') == 2
        && TimeSpan.TryParseExact(value, "c", CultureInfo.InvariantCulture, out var duration)
            ? duration
        : null;

    private static object? Convert(string value, Type type)
    {
        try
        {
            return TypeDescriptor.GetConverter(type).ConvertFromInvariantString(value);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException)
        {
            return null;
        }
    }

    private static string Allowed(Type type, RangeAttribute? range, object? preset) =>
        type.IsEnum ? $"one of {string.Join(", ", Enum.GetNames(type))}"
        : type == typeof(bool) ? "true or false"
        : type == typeof(TimeSpan)
            ? $"a duration, written as [days.]hours:minutes:seconds,{Within(range)}, such as "
                + (preset is TimeSpan duration && duration > TimeSpan.Zero ? duration : TimeSpan.FromMinutes(30))
        : $"a whole number{Within(range)}, such as {preset}";

    private static string Within(RangeAttribute? range) =>
        range switch
        {
            null => "",
            { Maximum: >= (double)long.MaxValue } => $" of at least {range.Minimum}",
            _ => $" from {range.Minimum} to {range.Maximum}",
        };

    private static SettingException Unknown(string section, string name, IEnumerable<string> known)
    {
        var names = known.ToList();
        var meant = names.Find(one => Suggestion.For(name, [one.ToLowerInvariant()]) is not null);
        return new SettingException(
            $"{section}:{name}",
            meant is null
                ? $"is not a setting. {section} has {string.Join(", ", names)}."
                : $"is not a setting. Did you mean {section}:{meant}?"
        );
    }
}
