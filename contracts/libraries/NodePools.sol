// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {LibBit} from "solady/utils/LibBit.sol";

/// @title Who is a member, and one bit for each: may it be drawn now?
/// @notice Members stand in tiers by VRAM. A member keeps its place while it and others come and go from the draw; places
/// change only when a member is removed (the last one of its tier takes its place). Nobody can therefore steer a draw by
/// pausing and resuming nodes, except past those very nodes.
///
/// A place is a number: tier × 2^24 + position.
///
/// All state that a draw needs is here, packed so that a draw reads few storage words however many members there are:
///
/// | what        | holds                                                                           |
/// |-------------|---------------------------------------------------------------------------------|
/// | sizes       | number of members of each tier, and of those members that are unbonding         |
/// | members     | one member: wallet, VRAM, GPU model, since when                                 |
/// | available   | one bit for each of 255 neighbours of a tier                                    |
/// | occupied    | one bit for each of 255 words of `available`: is any bit set there?             |
/// | models      | how many members have a GPU model; and as `available`, but which ones they are  |
///
/// The last bit of a word of bits is always set once the word was used: to write to a word that is zero costs four times as
/// much, and in a small network all members of a tier are often busy.
library NodePools {
    /// @notice Members to a word of bits.
    uint256 internal constant WORD = 255;
    /// @notice No such word.
    uint256 internal constant NONE = type(uint256).max;
    /// @notice Number of VRAM tiers.
    uint256 internal constant TIERS = 8;
    /// @notice Bits of a position, and of a size.
    uint256 internal constant POSITION_BITS = 24;

    uint256 private constant _POSITION = (1 << POSITION_BITS) - 1;
    uint256 private constant _UNBONDING = TIERS * POSITION_BITS;
    uint256 private constant _NEVER_ZERO = 1 << WORD;

    /// @notice One member. All zero where there is none.
    struct Member {
        address wallet;
        uint16 vramGb;
        uint24 modelId;
        uint48 sinceBlock; // when it came to its tier
    }

    struct Pools {
        uint256 sizes;
        mapping(uint256 place => Member) members;
        mapping(uint256 key => uint256 bits) available;
        mapping(uint256 key => uint256 bits) occupied;
        mapping(uint256 modelId => Model) models;
    }

    struct Model {
        uint256 size;
        mapping(uint256 key => uint256 bits) members;
    }

    // ---- members

    /// @notice Appends a member to its tier, available.
    /// @return place Where it stands.
    function add(Pools storage pools, Member memory member) internal returns (uint256 place) {
        uint256 tier = tierOf(member.vramGb);
        uint256 sizes = pools.sizes;
        uint256 position = sizeOf(sizes, tier);
        // Unreachable: more wallets than could ever stake. It would run over into the next tier's size.
        assert(position < _POSITION);
        place = placeOf(tier, position);
        pools.sizes = sizes + (1 << (tier * POSITION_BITS));
        pools.members[place] = member;
        Model storage model = pools.models[member.modelId];
        ++model.size;
        _setBit(model.members, tier, position, true);
        setAvailable(pools, place, true);
    }

    /// @notice Removes the member of `place`, available or not.
    /// @return moved Who was last and now stands there; zero when nobody had to move.
    function remove(Pools storage pools, uint256 place) internal returns (address moved) {
        (uint256 tier, uint256 position) = (tierAt(place), positionAt(place));
        uint256 sizes = pools.sizes;
        uint256 last = placeOf(tier, sizeOf(sizes, tier) - 1);
        bool lastWasAvailable = isAvailable(pools, last);
        Member memory lastMember = pools.members[last];
        Model storage lastModel = pools.models[lastMember.modelId];
        Model storage model = pools.models[pools.members[place].modelId];

        setAvailable(pools, last, false);
        _setBit(model.members, tier, position, false);
        --model.size;
        if (place != last) {
            _setBit(lastModel.members, tier, positionAt(last), false);
            _setBit(lastModel.members, tier, position, true);
            setAvailable(pools, place, lastWasAvailable);
            pools.members[place] = lastMember;
            moved = lastMember.wallet;
        }
        delete pools.members[last];
        pools.sizes = sizes - (1 << (tier * POSITION_BITS));
    }

    /// @notice Counts one unbonding member more, or less.
    function setUnbonding(Pools storage pools, bool value) internal {
        if (value) pools.sizes += 1 << _UNBONDING;
        else pools.sizes -= 1 << _UNBONDING;
    }

    /// @notice Number of members that are not unbonding.
    function bondedMembers(Pools storage pools) internal view returns (uint256 count) {
        uint256 sizes = pools.sizes;
        for (uint256 tier = 0; tier < TIERS; ++tier) {
            count += sizeOf(sizes, tier);
        }
        count -= sizes >> _UNBONDING;
    }

    /// @notice How many places each tier has now: 5 bits for each, the lowest tier rightmost; 0 for none, else n for 2^(n − 1), the
    /// lowest power of two that its members do not exceed.
    function layoutOf(Pools storage pools) internal view returns (uint40 layout) {
        uint256 packed;
        uint256 sizes = pools.sizes;
        unchecked {
            // What is above the tiers is no size.
            sizes &= (1 << _UNBONDING) - 1;
            for (uint256 offset = 0; sizes != 0; offset += 5) {
                uint256 size = sizes & _POSITION;
                sizes >>= POSITION_BITS;
                if (size != 0) packed |= (size == 1 ? 1 : 2 + LibBit.fls(size - 1)) << offset;
            }
        }
        layout = uint40(packed);
    }

    // ---- availability

    function isAvailable(Pools storage pools, uint256 place) internal view returns (bool) {
        uint256 position = positionAt(place);
        return (pools.available[_key(tierAt(place), position / WORD)] >> (position % WORD)) & 1 != 0;
    }

    /// @notice Sets or clears the bit of a place.
    function setAvailable(Pools storage pools, uint256 place, bool value) internal {
        (uint256 tier, uint256 position) = (tierAt(place), positionAt(place));
        uint256 bits = _setBit(pools.available, tier, position, value);
        // Only who came first or went last changes whether anybody is there. (For a value of true `bits` is not 0.)
        unchecked {
            if (value ? bits & (bits - 1) == 0 : bits == 0) _setBit(pools.occupied, tier, position / WORD, value);
        }
    }

    // ---- words of bits

    /// @notice The bits of who is available among the neighbours of a word.
    function availableIn(Pools storage pools, uint256 tier, uint256 word) internal view returns (uint256) {
        return pools.available[_key(tier, word)] & ~_NEVER_ZERO;
    }

    /// @notice The bits of who has a GPU model among the neighbours of a word.
    function ofModelIn(Pools storage pools, uint256 modelId, uint256 tier, uint256 word)
        internal
        view
        returns (uint256)
    {
        return pools.models[modelId].members[_key(tier, word)] & ~_NEVER_ZERO;
    }

    /// @notice The bits of which words have somebody available: words 255 × index … 255 × index + 254.
    function occupiedIn(Pools storage pools, uint256 tier, uint256 index) internal view returns (uint256) {
        return pools.occupied[_key(tier, index)] & ~_NEVER_ZERO;
    }

    /// @notice The first word from `word` on that has somebody available, or NONE.
    /// @param sizes Pools.sizes.
    function occupiedWord(Pools storage pools, uint256 sizes, uint256 tier, uint256 word)
        internal
        view
        returns (uint256)
    {
        uint256 words = (sizeOf(sizes, tier) + WORD - 1) / WORD;
        while (word < words) {
            uint256 offset = word % WORD;
            uint256 bits = occupiedIn(pools, tier, word / WORD) >> offset;
            if (bits != 0) return word + LibBit.ffs(bits);
            word += WORD - offset;
        }
        return NONE;
    }

    /// @return bits Of that word afterwards, without the one that is always set.
    function _setBit(mapping(uint256 key => uint256 bits) storage words, uint256 tier, uint256 position, bool value)
        private
        returns (uint256 bits)
    {
        uint256 key = _key(tier, position / WORD);
        uint256 bit = 1 << (position % WORD);
        uint256 before = words[key];
        bits = value ? before | bit : before & ~bit;
        if (bits != before) words[key] = bits | _NEVER_ZERO;
        bits &= ~_NEVER_ZERO;
    }

    function _key(uint256 tier, uint256 word) private pure returns (uint256) {
        return (tier << 32) | word;
    }

    // ---- places

    function placeOf(uint256 tier, uint256 position) internal pure returns (uint256) {
        return (tier << POSITION_BITS) | position;
    }

    function tierAt(uint256 place) internal pure returns (uint256) {
        return place >> POSITION_BITS;
    }

    function positionAt(uint256 place) internal pure returns (uint256) {
        return place & _POSITION;
    }

    /// @notice How many members a tier has.
    /// @param sizes Pools.sizes.
    function sizeOf(uint256 sizes, uint256 tier) internal pure returns (uint256) {
        unchecked {
            return (sizes >> (tier * POSITION_BITS)) & _POSITION;
        }
    }

    /// @notice The tiers begin at 0, 4, 8, 12, 16, 24, 40 and 80 GB.
    function tierOf(uint256 vramGb) internal pure returns (uint256) {
        if (vramGb < 16) {
            if (vramGb < 8) return vramGb < 4 ? 0 : 1;
            return vramGb < 12 ? 2 : 3;
        }
        if (vramGb < 40) return vramGb < 24 ? 4 : 5;
        return vramGb < 80 ? 6 : 7;
    }
}
