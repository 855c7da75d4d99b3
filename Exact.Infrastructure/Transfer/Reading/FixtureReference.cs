using System.Text.Json;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>How a record names another: by its key, or by its natural key, as <c>dumpdata --natural-foreign</c> does.</summary>
internal readonly record struct FixtureReference(long? Key, byte[]? NaturalKey)
{
    /// <summary>A list of more is refused: references take more memory than the text that they are read from.</summary>
    public const int MaxList = 10_000;

    /// <summary>Reads a list of references; what is no such list is passed over.</summary>
    public static bool TryReadList(ref PythonJsonReader json, List<FixtureReference> references, out bool isList)
    {
        isList = json.Token == JsonTokenType.StartArray;
        if (!isList)
        {
            return json.TrySkip();
        }

        while (json.Read())
        {
            if (json.Token == JsonTokenType.EndArray)
            {
                return true;
            }

            if (references.Count >= MaxList)
            {
                isList = false;
                if (!json.TrySkip())
                {
                    return false;
                }
            }
            else if (FixtureValue.TryGetInteger(ref json, out var key))
            {
                references.Add(new FixtureReference(key, null));
            }
            else if (json.Token == JsonTokenType.StartArray)
            {
                if (!TryReadNaturalKey(ref json, out var name))
                {
                    return false;
                }

                isList &= name is not null;
                references.Add(new FixtureReference(null, name));
            }
            else
            {
                isList = false;
                if (!json.TrySkip())
                {
                    return false;
                }
            }
        }

        return false;
    }

    /// <summary>Reads <c>["name"]</c>; the name is null when the list is anything else.</summary>
    public static bool TryReadNaturalKey(ref PythonJsonReader json, out byte[]? name)
    {
        name = null;
        var length = 0;
        while (json.Read())
        {
            if (json.Token == JsonTokenType.EndArray)
            {
                return true;
            }

            name =
                length++ == 0
                && json.Token == JsonTokenType.String
                && FixtureValue.TryGetText(in json, new byte[json.Json.ValueSpan.Length], out var text)
                && !text.Contains((byte)0)
                    ? text.ToArray()
                    : null;
            if (!json.TrySkip())
            {
                return false;
            }
        }

        return false;
    }
}
